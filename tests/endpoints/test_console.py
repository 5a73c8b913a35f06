"""The console in real Chromium: its languages, appearance, copying, tokens, and the address that it shows."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Serve
from tests.support.browser import open_tab, opened

pytestmark = pytest.mark.any_python("Chromium runs the page")
TABS = ("try", "apps", "tokens", "limits")


@pytest.mark.parametrize(
    ("locale", "lang", "title"), [("zh-CN", "zh-CN", "你的接口地址"), ("en-US", "en", "Your endpoint")]
)
def test_it_loads_in_the_reader_s_language_and_contacts_only_the_endpoint(
    browser: Browser, demo: str, locale: str, lang: str, title: str
) -> None:
    with opened(browser, demo, locale=locale) as visit:
        page = visit.page
        assert page.locator("html").get_attribute("lang") == lang
        expect(page.locator("#address-title")).to_have_text(title)
        for name in TABS:
            open_tab(page, name)
        assert len(visit.requests) == 1 or all(url.startswith("data:") for url in visit.requests[1:])
        visit.check(demo)
        page.click("#language")
        expect(page.locator("#address-title")).not_to_have_text(title)
        page.reload()
        expect(page.locator("#address-title")).not_to_have_text(title)


def test_dark_mode_is_dark(browser: Browser, demo: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, demo, color_scheme="dark") as visit:
        assert visit.page.evaluate(ground) == "rgb(16, 21, 27)"
    with opened(browser, demo, color_scheme="light") as visit:
        assert visit.page.evaluate(ground) == "rgb(244, 246, 248)"


def test_copy_buttons_copy(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        clip = "navigator.clipboard.readText()"
        for button, text in (("with-v1", f"{demo}/v1"), ("without-v1", demo)):
            page.click(f"[data-from={button}]")
            expect(page.locator(f"[data-from={button}]")).to_have_text("Copied")
            assert page.evaluate(clip) == text
        open_tab(page, "apps")
        page.click("#app-list button:text-is('NextChat')")
        page.click("#app .copyable:has-text('OpenAI Endpoint') .copy")
        expect(page.locator("#app .copy.done")).to_have_count(1)
        assert page.evaluate(clip) == demo
        page.click("#app-list button:text-is('curl')")
        page.click("#app .code .copy")
        expect(page.locator("#app .copy.done")).to_have_count(1)
        assert page.evaluate(clip).startswith(f"curl -N {demo}/v1/chat/completions")
        visit.check(demo)


AGENTS = {
    "claude-code": ("export ANTHROPIC_BASE_URL={url}\nexport ANTHROPIC_AUTH_TOKEN=THE-PROXY-KEY\n", "deepseek-flash"),
    "codex": ('base_url = "{url}/v1"', "export SLUICE_KEY=THE-PROXY-KEY"),
    "opencode": ('"baseURL": "{url}/v1", "apiKey": "THE-PROXY-KEY"', '"deepseek-flash": {{}}'),
    "gemini-cli": ("export GOOGLE_GEMINI_BASE_URL={url}\n", "export GEMINI_API_KEY=THE-PROXY-KEY"),
}


PROXY = {"OPENAI_API_KEY": "sk-x", "PROXY_KEY": "pk-0123456789abcdef"}


@pytest.mark.parametrize(
    ("locale", "not_served"),
    [
        ("en-US", "No upstream of this endpoint has the API that this app calls (Gemini)."),
        ("zh-CN", "这个接口的上游都不提供该应用所需的 API（Gemini）。"),
    ],
)
def test_agents_have_their_lines_and_are_told_what_is_not_served(
    browser: Browser, serve: Serve, locale: str, not_served: str
) -> None:
    url = serve(**PROXY, OPENAI_BASE_URL="https://api.deepseek.com").url
    with opened(browser, url, locale=locale) as visit:
        page = visit.page
        open_tab(page, "apps")
        for name, (first, second) in AGENTS.items():
            page.click(f"#app-list [data-app={name}]")
            shown = "\n".join(page.locator("#app pre").all_inner_texts())
            assert first.format(url=url) in shown and second.format() in shown, shown
            hint = page.locator("#app .hint", has_text=not_served)
            expect(hint).to_have_count(int(name == "gemini-cli"))
            if name == "gemini-cli":
                expect(hint).to_contain_text("GEMINI_API_KEY")
        page.click("#app-list [data-app=claude-code]")
        page.click("#app .code:has-text('ANTHROPIC_MODEL') >> nth=0 >> .copy")
        expect(page.locator("#app .copy.done")).to_have_count(1)
        assert page.evaluate("navigator.clipboard.readText()").startswith("export ANTHROPIC_MODEL=deepseek-flash\n")
        visit.check(url)


# What the tab says of each API: of chat completions, Responses, Messages and Gemini.
SERVED: dict[str, tuple[dict[str, str], list[str]]] = {
    "deepseek": ({**PROXY, "OPENAI_BASE_URL": "https://api.deepseek.com"}, ["yes", "yes", "yes", "no"]),
    "openai": ({**PROXY, "OPENAI_BASE_URL": "https://api.openai.com/v1"}, ["yes", "yes", "translated", "no"]),
    "untranslated": (
        {**PROXY, "OPENAI_BASE_URL": "https://api.mistral.ai/v1", "TRANSLATE": "off"},
        ["yes", "no", "no", "no"],
    ),
    "own key": ({"OPENAI_BASE_URL": ""}, ["your key"] * 4),
    "demo": ({"DEMO": "1"}, ["yes"] * 4),
}


@pytest.mark.parametrize("name", SERVED)
def test_each_agent_s_api_is_named_and_whether_it_is_served(browser: Browser, serve: Serve, name: str) -> None:
    settings, answers = SERVED[name]
    apps = {
        "opencode": "Chat completions /v1/chat/completions",
        "codex": "Responses /v1/responses",
        "claude-code": "Messages /v1/messages",
        "gemini-cli": "Gemini /v1beta/models/…",
    }
    with opened(browser, serve(**settings).url) as visit:
        page = visit.page
        open_tab(page, "apps")
        for (app, path), answer in zip(apps.items(), answers, strict=True):
            page.click(f"#app-list [data-app={app}]")
            expect(page.locator("#app dt:text-is('API') + dd")).to_have_text(path)
            served = page.locator("#app dt:text-is('Served here') + dd")
            expect(served).to_have_text(re.compile(f"^{answer}$" if answer in ("yes", "no") else answer))


def test_lines_for_a_shell_are_there_for_powershell_too(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        open_tab(page, "apps")
        page.click("#app-list [data-app=claude-code]")
        page.click("#app summary >> nth=0")
        shown = page.locator("#app details pre >> nth=0").inner_text()
        assert shown.splitlines() == [
            f'$env:ANTHROPIC_BASE_URL = "{demo}"',
            '$env:ANTHROPIC_AUTH_TOKEN = "any-text"',
            "claude",
        ]


def test_without_a_clipboard_api_copying_still_works(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not over HTTP')); }")
        page.click("[data-from=with-v1]")
        expect(page.locator("[data-from=with-v1]")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == f"{demo}/v1"


@pytest.mark.parametrize("path", ["/release/", "/release", "/release/v1", "/v1/", "/Prod/v1/#limits"])
def test_a_gateway_s_stage_is_part_of_the_address_and_of_calls(browser: Browser, demo: str, path: str) -> None:
    stage = {"r": "/release", "v": "", "P": "/Prod"}[path[1]]
    with opened(browser, demo, path) as visit:
        page = visit.page
        expect(page.locator("#with-v1")).to_have_text(f"{demo}{stage}/v1")
        open_tab(page, "try")
        page.click("#list-models")
        expect(page.locator("#models-status")).to_have_text("4 models to choose from in the field above.")
        assert visit.requests[-1] == f"{demo}{stage}/v1/models"
        visit.check(demo)


def test_tokens_are_counted_and_priced_for_each_model(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        open_tab(page, "tokens")
        page.click("#count")
        expect(page.locator("#counted")).to_have_text("Nothing to count yet.")
        page.fill("#text", '[{"role": "user", "content": "Hello there"}]')
        page.fill("#priced", "gpt-4o-mini, demo")
        page.click("#count")
        expect(page.locator("#prices tbody tr")).to_have_count(2)
        first, second = page.locator("#prices tbody tr").all()
        expect(first).to_contain_text("exact")
        expect(first).to_contain_text("$0.00000135")
        expect(second).to_contain_text("price unknown")
        expect(page.locator("#count")).to_be_enabled()
        visit.check(demo)
        page.route("**/input_tokens", lambda route: route.fulfill(status=501, body='{"error": {"message": "no"}}'))
        page.click("#count")
        expect(page.locator("#counted")).to_contain_text("cannot count tokens")


def test_models_may_be_set_apart_by_full_width_commas(browser: Browser, demo: str) -> None:
    with opened(browser, demo, locale="zh-CN") as visit:
        page = visit.page
        page.get_by_role("tab").nth(2).click()
        page.fill("#text", "你好")
        page.fill("#priced", "gpt-4o\uff0cgpt-4.1、gpt-5 demo")
        page.click("#count")
        expect(page.locator("#prices tbody tr")).to_have_count(4)
