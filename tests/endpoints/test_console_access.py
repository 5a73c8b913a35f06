"""The console for everybody: axe in each look, screen readers, less motion, narrow phones."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from proxy.settings.example_models import PRICED
from tests.conftest import Serve
from tests.support import console_streams as streams
from tests.support.browser import axe, open_tab, opened, say
from tests.support.console_streams import OWN_KEY, answered, piece
from tests.support.upstream import END, SSE_HEAD, Upstream, Wait, chunk

pytestmark = pytest.mark.any_python("Chromium runs the page")
DESKTOP, PHONE = ViewportSize(width=1000, height=900), ViewportSize(width=360, height=780)
LOOKS: list[dict[str, Any]] = [
    {"locale": locale, "color_scheme": scheme, "viewport": size}
    for locale in ("en-US", "zh-CN")
    for scheme in ("light", "dark")
    for size in (DESKTOP, PHONE)
]
TABS = ("try", "apps", "tokens", "limits")
LONG = f"A list:\n\n- {'long' * 60}\n\n```\n{'code ' * 60}\n```\n\n[link](https://example.com/{'path' * 60})"


def talk(page: Page) -> None:
    """A conversation with reasoning, a list, code and a link in one answer, and a call that fails."""
    thought = piece("openai", "let me see", thought=True)
    answered(page, "openai", thought + piece("openai", LONG) + streams.end("openai"))
    say(page, "Hello")
    expect(page.locator("#facts dt:text-is('Cost'), #facts dt:text-is('费用')")).to_be_visible()
    page.unroute_all()
    page.fill("#model", "demo-error-429")
    say(page, "again")
    expect(page.locator(".failed")).to_be_visible()
    page.click("#list-models")
    expect(page.locator("#models-status")).not_to_be_empty()


def count_tokens(page: Page) -> None:
    page.fill("#text", "one two three")
    page.click("#count")
    expect(page.locator("#prices tbody tr")).to_have_count(len(PRICED))


@pytest.mark.parametrize(
    "look", LOOKS, ids=lambda look: f"{look['locale']}-{look['color_scheme']}-{look['viewport']['width']}"
)
def test_axe_finds_nothing(browser: Browser, demo: str, look: dict[str, Any]) -> None:
    with opened(browser, demo, **look) as visit:
        page = visit.page
        talk(page)
        found = axe(page)
        for name in TABS[1:]:
            open_tab(page, name)
            if name == "tokens":
                count_tokens(page)
            found += axe(page)
        open_tab(page, "apps")
        page.click("[data-app=gemini-cli]")
        page.click("#app summary >> nth=0")
        assert found + axe(page) == []


def test_axe_finds_nothing_where_an_agent_is_not_served(browser: Browser, serve: Serve) -> None:
    url = serve(OPENAI_BASE_URL="https://api.mistral.ai/v1", **OWN_KEY, TRANSLATE="off").url
    with opened(browser, url) as visit:
        page = visit.page
        page.select_option("#api", "messages")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            open_tab(page, "try")
            found = axe(page)
            open_tab(page, "apps")
            assert found + axe(page) == []


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_narrow_phone_never_scrolls_sideways(browser: Browser, demo: str, locale: str) -> None:
    def check(where: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], where

    with opened(browser, demo, viewport=PHONE, locale=locale) as visit:
        page = visit.page
        talk(page)
        check("try")
        open_tab(page, "apps")
        for button in page.locator("#app-list button").all():
            button.click()
            for summary in page.locator("#app summary").all():
                summary.click()
            check(button.inner_text())
        open_tab(page, "tokens")
        count_tokens(page)
        check("tokens")
        open_tab(page, "limits")
        check("limits")


def test_a_screen_reader_is_told_of_the_whole_and_not_of_every_piece(
    browser: Browser, upstream: Upstream, serve: Serve
) -> None:
    words = [f"word{number} " for number in range(6)]
    steps = [step for word in words for step in (chunk(piece("openai", word)), Wait())]
    upstream.play((SSE_HEAD, *steps, chunk(streams.end("openai")), END))
    with opened(browser, serve(**OWN_KEY).url) as visit:
        page = visit.page
        page.evaluate("""() => {
            window.said = [];
            const place = document.getElementById("announced");
            new MutationObserver(() => window.said.push(place.textContent)).observe(place, { childList: true });
        }""")
        say(page, "count")
        for number in range(len(words)):
            expect(page.locator(".assistant .body")).to_have_text("".join(words[: number + 1]).strip())
            expect(page.locator(".assistant")).to_have_attribute("aria-busy", "true")
            upstream.proceed()
        expect(page.locator(".assistant")).not_to_have_attribute("aria-busy", "true")
        assert page.evaluate("window.said") == [
            "Sent. Waiting for the answer.",
            "The answer is complete: word0 word1 word2 word3 word4 word5 ",
        ]
        assert page.locator("#announced").get_attribute("role") == "status"
        live = "[aria-live]:not([aria-live=off]), [role=status], [role=alert]"
        assert page.locator(f".assistant :is({live}), .assistant:is({live})").count() == 0
        expect(page.locator("#log")).to_have_attribute("aria-live", "off")
        # A failure is told at once, wherever it happens.
        upstream.play((b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",))
        say(page, "again")
        expect(page.get_by_role("alert")).to_contain_text("What to do:")


def test_every_part_has_its_role_and_its_name(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        expect(page.get_by_role("tablist", name="Sections").get_by_role("tab")).to_have_count(len(TABS))
        for role, name in [
            ("combobox", "API"),
            ("textbox", "Message"),
            ("button", "Send"),
            ("tabpanel", "Try it"),
            ("button", "Copy with /v1"),
            ("checkbox", "Stream"),
        ]:
            expect(page.get_by_role(role, name=name, exact=True)).to_be_visible()  # type: ignore[arg-type]
        expect(page.locator("#api")).to_have_accessible_description("POST /v1/chat/completions · Served here: yes")
        open_tab(page, "apps")
        for group in ("Coding agents", "Apps", "SDKs and code"):
            expect(page.get_by_role("group", name=group)).to_be_visible()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves(browser: Browser, upstream: Upstream, serve: Serve, motion: str) -> None:
    upstream.play((SSE_HEAD, chunk(piece("openai", "one ")), Wait(), chunk(streams.end("openai")), END))
    moving = "document.getAnimations().length"
    with opened(browser, serve(**OWN_KEY).url, reduced_motion=motion) as visit:
        page = visit.page
        say(page, "count")
        expect(page.locator(".assistant .body")).to_have_text("one")
        assert page.evaluate(moving) == 0
        upstream.proceed()
        expect(page.locator("#send")).to_be_visible()
        page.hover("#send")
        page.click("[data-from=with-v1]")
        for name in TABS:
            open_tab(page, name)
            assert page.evaluate(moving) == 0
        smooth = (
            "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).scrollBehavior === 'smooth').length"
        )
        assert page.evaluate(smooth) == 0
