"""The console with the keyboard alone: the order of the fields, the tabs, sending, stopping, and where the focus is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Serve
from tests.support import console_streams as streams
from tests.support.browser import opened
from tests.support.console_streams import OWN_KEY, piece
from tests.support.upstream import CEILING, END, SSE_HEAD, Upstream, Wait, chunk

pytestmark = pytest.mark.any_python("Chromium runs the page")


def focused(page: Page) -> str:
    """What has the focus: its id, else its text."""
    script = "(document.activeElement.id || document.activeElement.dataset.from || document.activeElement.textContent)"
    return str(page.evaluate(script)).strip()


def test_the_tab_key_goes_through_the_page_in_the_order_of_reading(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        order = []
        for _ in range(14):
            page.keyboard.press("Tab")
            order.append(focused(page))
        assert order == [
            *("language", "with-v1", "without-v1", "tab-try", "api", "model", "key", "streamed", "remember"),
            *("list-models", "System prompt", "message", "send", "clear"),
        ]
        for _ in range(9):
            page.keyboard.press("Shift+Tab")
        assert focused(page) == "api"


def test_arrows_home_and_end_choose_a_tab(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.focus("#tab-try")
        for key, name in [
            ("ArrowLeft", "limits"),
            ("ArrowRight", "try"),
            ("ArrowRight", "apps"),
            ("End", "limits"),
            ("ArrowRight", "try"),
            ("End", "limits"),
            ("Home", "try"),
        ]:
            page.keyboard.press(key)
            assert focused(page) == f"tab-{name}"
            expect(page.locator(f"#{name}")).to_be_visible()
            expect(page.locator("[role=tabpanel]:visible")).to_have_count(1)
            assert page.locator("[role=tab][tabindex='0']").get_attribute("id") == f"tab-{name}"
        # Other keys do what they always do.
        page.keyboard.press("Tab")
        assert focused(page) == "api"


def test_a_conversation_needs_no_mouse(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    """From the message to the button, which becomes Stop and has the focus; Escape stops, and the focus returns."""
    upstream.play((SSE_HEAD, chunk(piece("openai", "one ")), Wait(), chunk(piece("openai", "two")), Wait(), END))
    with opened(browser, serve(**OWN_KEY).url) as visit:
        page = visit.page
        page.focus("#message")
        page.keyboard.type("count")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".assistant .text")).to_have_text("one")
        expect(page.locator("#stop")).to_be_focused()
        page.keyboard.press("Escape")
        assert upstream.gone.wait(CEILING)
        expect(page.locator(".assistant .text")).to_contain_text("stopped")
        expect(page.locator("#message")).to_be_focused()
        expect(page.locator("#announced")).to_have_text("The answer is incomplete. So far: one")
        page.keyboard.press("Escape")  # nothing runs
        # Who writes the next message, or reads elsewhere, keeps the focus.
        upstream.play((SSE_HEAD, chunk(piece("openai", "three")), Wait(), chunk(streams.end("openai")), END))
        page.keyboard.type("again")
        page.keyboard.press("Enter")
        expect(page.locator(".assistant .text").last).to_have_text("three")
        page.focus("#model")
        upstream.proceed()
        expect(page.locator("#send")).to_be_visible()
        expect(page.locator("#model")).to_be_focused()


def test_a_failed_call_gives_the_focus_back_to_the_message(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.fill("#model", "demo-error-500")
        page.fill("#message", "hi")
        page.focus("#send")
        page.keyboard.press("Enter")
        expect(page.locator(".failed")).to_be_visible()
        expect(page.locator("#message")).to_be_focused()
        expect(page.locator("#message")).to_have_value("hi")


def test_an_app_that_is_chosen_keeps_the_focus(browser: Browser, demo: str) -> None:
    with opened(browser, demo, "/#apps") as visit:
        page = visit.page
        page.focus("[data-app=claude-code]")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert page.evaluate("document.activeElement.dataset.app") == "codex"
        expect(page.locator("#app")).to_have_attribute("aria-labelledby", "app-title")
        expect(page.locator("#app-title")).to_have_text("Codex")
