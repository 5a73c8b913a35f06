"""The console in real Chromium: what a person sees, hears, copies and sends."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Serve
from tests.support.browser import axe, chromium, opened
from tests.support.upstream import CEILING, END, SSE_HEAD, Script, Step, Upstream, Wait, chunk, whole

PHONE = {"width": 390, "height": 844}
TABS = ("try", "apps", "tokens", "limits")
OWN_KEY = {"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1"}
DONE = b"data: [DONE]\n\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while its driver runs, no other test of this thread can start an event loop.
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def demo(serve: Serve) -> str:
    return serve(DEMO="1").url


def event(text: str | None, reason: str | None = None, **more: object) -> bytes:
    delta = {} if text is None else {"content": text}
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return b"data: " + json.dumps({"id": "c", "choices": choices, **more}).encode() + b"\n\n"


def spoken(*texts: str, waits: bool = False) -> Script:
    """An upstream that says these, and goes on only when it is told to where it `waits`."""
    steps: list[Step] = [SSE_HEAD]
    for text in texts:
        steps += [chunk(event(text)), *([Wait()] if waits else [])]
    usage = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'
    return (*steps, chunk(event(None, "stop")), chunk(usage), chunk(DONE), END)


def say(page: Page, words: str) -> None:
    page.fill("#message", words)
    page.press("#message", "Enter")


def fact(page: Page, name: str) -> str:
    return page.locator(f"#facts dt:text-is('{name}') + dd").inner_text()


def open_tab(page: Page, name: str) -> None:
    page.click(f"#tab-{name}")
    expect(page.locator(f"#{name}")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "lang", "title"), [("zh-CN", "zh-CN", "你的接口地址"), ("en-US", "en", "Your endpoint")]
)
def test_it_loads_in_the_reader_s_language_and_asks_nobody_else(
    browser: Browser, demo: str, locale: str, lang: str, title: str
) -> None:
    with opened(browser, demo, locale=locale) as found:
        page = found.page
        assert page.locator("html").get_attribute("lang") == lang
        expect(page.locator("#address-title")).to_have_text(title)
        for name in TABS:
            open_tab(page, name)
        assert len(found.asked) == 1 or all(one.startswith("data:") for one in found.asked[1:])
        found.check(demo)
        page.click("#language")
        expect(page.locator("#address-title")).not_to_have_text(title)
        page.reload()
        expect(page.locator("#address-title")).not_to_have_text(title)


@pytest.mark.parametrize("look", [{"locale": "en-US"}, {"locale": "zh-CN", "color_scheme": "dark"}])
def test_axe_finds_nothing(browser: Browser, demo: str, look: dict[str, str]) -> None:
    with opened(browser, demo, viewport={"width": 1000, "height": 900}, **look) as found:
        page = found.page
        say(page, "Hello")
        expect(page.locator("#facts dt:text-is('Cost'), #facts dt:text-is('费用')")).to_be_visible()
        page.fill("#model", "demo-error-429")
        say(page, "again")
        expect(page.locator(".failed")).to_be_visible()
        wrong = axe(page)
        for name in TABS[1:]:
            open_tab(page, name)
            if name == "tokens":
                page.fill("#text", "one two three")
                page.click("#count")
                expect(page.locator("#prices tbody tr")).to_have_count(5)
            wrong += axe(page)
        assert wrong == []


def test_dark_mode_is_dark(browser: Browser, demo: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, demo, color_scheme="dark") as found:
        assert found.page.evaluate(ground) == "rgb(16, 21, 27)"
    with opened(browser, demo, color_scheme="light") as found:
        assert found.page.evaluate(ground) == "rgb(244, 246, 248)"


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_phone_never_scrolls_sideways(browser: Browser, demo: str, locale: str) -> None:
    with opened(browser, demo, viewport=PHONE, locale=locale) as found:
        page = found.page
        for name in TABS:
            open_tab(page, name)
            if name == "apps":
                for button in page.locator("#app-list button").all():
                    button.click()
                    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_copy_buttons_copy(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as found:
        page = found.page
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
        found.check(demo)


def test_without_a_clipboard_the_older_way_copies(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as found:
        page = found.page
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not over HTTP')); }")
        page.click("[data-from=with-v1]")
        expect(page.locator("[data-from=with-v1]")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == f"{demo}/v1"


def test_each_piece_is_shown_before_the_next_is_sent(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    url = serve(**OWN_KEY).url
    upstream.play(spoken("one ", "two ", "three", waits=True))
    with opened(browser, url) as found:
        page = found.page
        page.click("summary")
        page.fill("#system", "Be brief.")
        say(page, "count")
        for so_far in ("one", "one two", "one two three"):
            expect(page.locator(".assistant .text")).to_have_text(so_far)
            upstream.proceed()
        expect(page.locator("#verdict")).to_contain_text("Streamed")
        sent = json.loads(upstream.received[0].body)
        assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "count"}]
        assert sent["stream"] is True and sent["stream_options"] == {"include_usage": True}
        assert fact(page, "Tokens, in / out") == "7 / 3"
        assert fact(page, "Ending") == "complete" and fact(page, "Request id").startswith("sl_")
        expect(page.locator("#plot svg circle")).not_to_have_count(0)
        expect(page.locator("#facts dt:text-is('Cost') + dd")).to_have_text("$0.00000405")
        upstream.play(spoken("four"))
        say(page, "go on")
        expect(page.locator(".assistant")).to_have_count(2)
        expect(page.locator("#stop")).to_be_hidden()
        assert [one["content"] for one in json.loads(upstream.received[0].body)["messages"]] == [
            *("Be brief.", "count", "one two three", "go on"),
        ]
        found.check(url)


def test_stop_ends_the_call_upstream_too(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    upstream.play(spoken("one ", "two ", waits=True))
    with opened(browser, serve(**OWN_KEY).url) as found:
        page = found.page
        say(page, "count")
        expect(page.locator(".assistant .text")).to_have_text("one")
        page.click("#stop")
        assert upstream.gone.wait(CEILING)
        expect(page.locator(".assistant .text")).to_contain_text("stopped")
        assert fact(page, "Ending") == "stopped by you"
        expect(page.locator("#send")).to_be_visible()


def test_errors_say_what_the_endpoint_said(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as found:
        page = found.page
        page.fill("#model", "demo-error-429")
        say(page, "hi")
        failed = page.locator(".failed")
        expect(failed).to_contain_text("The demo upstream fails with 429 because you asked for it.")
        for told in ("demo", "Status 429", "Request id sl_", "retry-after 1 s"):
            expect(failed).to_contain_text(told)
        assert fact(page, "Ending") == "failed" and page.input_value("#message") == "hi"
        page.click("#clear")
        page.fill("#model", "demo-cut")
        say(page, "hi")
        expect(failed).to_contain_text("closed the connection", timeout=CEILING * 1000)
        expect(page.locator(".assistant .text")).to_contain_text("Hello!")
        assert fact(page, "Ending") == "failed"


def test_an_endpoint_that_is_gone_is_told(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as found:
        page = found.page
        page.route("**/v1/**", lambda route: route.abort())
        say(page, "hi")
        expect(page.locator(".failed")).to_contain_text("could not be reached")
        page.click("#list-models")
        expect(page.locator("#models-said")).to_contain_text("could not be reached")


@pytest.mark.parametrize(
    ("headers", "verdict", "ending"),
    [
        ({"x-sluice-buffered": "1"}, "this platform does not stream", "complete"),
        ({}, "Held back", "complete"),
        ({"x-sluice-truncated": "deadline"}, "Held back", "complete · this function's time ran out"),
    ],
)
def test_a_stream_that_came_in_one_piece_is_told(
    browser: Browser, demo: str, headers: dict[str, str], verdict: str, ending: str
) -> None:
    body = b"".join([*(event(f"word{number} ") for number in range(20)), event(None, "stop"), DONE])
    with opened(browser, demo) as found:
        page = found.page
        head = {"content-type": "text/event-stream", **headers}
        page.route("**/v1/chat/completions", lambda route: route.fulfill(status=200, headers=head, body=body))
        page.route("**/input_tokens", lambda route: route.fulfill(status=501, body='{"error": {"message": "no"}}'))
        say(page, "hi")
        expect(page.locator("#verdict")).to_contain_text(verdict)
        assert fact(page, "Ending") == ending
        expect(page.locator("#facts dt:text-is('Cost') + dd")).to_contain_text("not installed")


def test_a_stream_without_its_last_words_is_a_part(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as found:
        page = found.page
        head = {"content-type": "text/event-stream"}
        page.route("**/v1/chat/completions", lambda route: route.fulfill(headers=head, body=event("half")))
        say(page, "hi")
        expect(page.locator(".failed")).to_contain_text("only a part")
        assert fact(page, "Ending") == "broken off"


def test_without_streaming_the_answer_comes_whole(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as found:
        page = found.page
        page.uncheck("#streamed")
        say(page, "你好")
        expect(page.locator(".assistant .text")).to_contain_text("你好")
        expect(page.locator("#verdict")).to_have_text("In one piece, as it was asked for.")
        found.check(demo)


def test_the_key_stays_in_the_tab_unless_it_may_stay_longer(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    url = serve().url
    upstream.play(spoken("ok"))
    with opened(browser, url) as found:
        page = found.page
        page.fill("#key", "sk-mine")
        device = "JSON.stringify(localStorage)"
        assert "sk-mine" not in page.evaluate(device) and "sk-mine" in page.evaluate("JSON.stringify(sessionStorage)")
        say(page, "hi")
        expect(page.locator(".assistant .text")).to_have_text("ok")
        assert upstream.received[0].header("authorization") == "Bearer sk-mine"
        page.check("#remember")
        assert "sk-mine" in page.evaluate(device)
        page.reload()
        assert page.input_value("#key") == "sk-mine" and page.is_checked("#remember")
        page.uncheck("#remember")
        assert "sk-mine" not in page.evaluate(device)
        found.check(url)


HOSTILE = """<script>window.owned = 1</script><img src=x onerror="window.owned = 2"><b onmouseover=alert(1)>bold</b>
[run](javascript:window.owned=3) [data](data:text/html,<script>owned=4</script>) [ok](https://example.com/?a=1&b=2)
[quote](https://example.com/"onmouseover="owned=5) **strong** `code <i>` ![pic](https://example.com/pic.png)

# Title <u>x</u>
- first
- second <svg onload=alert(1)>

1. one
2. two

```html
<script>window.owned = 6</script>
```
"""


def test_a_hostile_answer_stays_inert(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    url = serve(**OWN_KEY).url
    upstream.play(spoken(HOSTILE[:40], HOSTILE[40:]))
    with opened(browser, url) as found:
        page = found.page
        say(page, "hi")
        text = page.locator(".assistant .text")
        expect(text).to_contain_text("window.owned = 6")
        expect(page.locator("#stop")).to_be_hidden()
        kinds = page.evaluate(
            "[...new Set([...document.querySelectorAll('.text *')].map((one) => one.tagName))].sort()"
        )
        assert kinds == ["A", "B", "BR", "BUTTON", "CODE", "DIV", "LI", "OL", "P", "PRE", "UL"]
        links = page.evaluate("[...document.querySelectorAll('.text a')].map((one) => [one.href, one.rel, one.target])")
        assert {one[0] for one in links} == {"https://example.com/?a=1&b=2", "https://example.com/pic.png"}
        assert all("noopener" in one[1] and one[2] == "_blank" for one in links)
        expect(text.locator("b").first).to_have_text("strong")
        expect(text.locator("li")).to_have_count(4)
        assert page.evaluate("window.owned") is None
        found.check(url)


def test_enter_that_ends_a_word_of_an_input_method_does_not_send(browser: Browser, demo: str) -> None:
    press = """(how) => document.getElementById("message").dispatchEvent(
        new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...how }))"""
    with opened(browser, demo) as found:
        page = found.page
        page.fill("#message", "nihao")
        for how in ({"isComposing": True}, {"keyCode": 229}, {"shiftKey": True}):
            page.evaluate(press, how)
        assert page.input_value("#message") == "nihao" and page.locator(".said").count() == 0
        page.press("#message", "Enter")
        expect(page.locator(".user .text")).to_have_text("nihao")


@pytest.mark.parametrize("path", ["/release/", "/release", "/release/v1", "/v1/", "/Prod/v1/#limits"])
def test_behind_a_stage_the_address_has_it_and_calls_go_there(browser: Browser, demo: str, path: str) -> None:
    stage = {"r": "/release", "v": "", "P": "/Prod"}[path[1]]
    with opened(browser, demo, path) as found:
        page = found.page
        expect(page.locator("#with-v1")).to_have_text(f"{demo}{stage}/v1")
        open_tab(page, "try")
        page.click("#list-models")
        expect(page.locator("#models-said")).to_have_text("4 models can be chosen in the field above.")
        assert found.asked[-1] == f"{demo}{stage}/v1/models"
        found.check(demo)


def test_tokens_are_counted_and_priced_for_each_model(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as found:
        page = found.page
        open_tab(page, "tokens")
        page.click("#count")
        expect(page.locator("#counted")).to_have_text("There is nothing to count yet.")
        page.fill("#text", '[{"role": "user", "content": "Hello there"}]')
        page.fill("#priced", "gpt-4o-mini, demo")
        page.click("#count")
        expect(page.locator("#prices tbody tr")).to_have_count(2)
        first, second = page.locator("#prices tbody tr").all()
        expect(first).to_contain_text("exact")
        expect(first).to_contain_text("$0.00000135")
        expect(second).to_contain_text("no price known")
        expect(page.locator("#count")).to_be_enabled()
        found.check(demo)
        page.route("**/input_tokens", lambda route: route.fulfill(status=501, body='{"error": {"message": "no"}}'))
        page.click("#count")
        expect(page.locator("#counted")).to_contain_text("not installed")


def test_the_tabs_obey_the_keyboard(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as found:
        page = found.page
        page.focus("#tab-try")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#limits")).to_be_visible()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#try")).to_be_visible()


def test_a_server_that_lists_no_models_and_refuses_is_told(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    with opened(browser, serve(**OWN_KEY).url) as found:
        page = found.page
        upstream.play(whole(b'{"object":"list","data":[]}'))
        page.click("#list-models")
        expect(page.locator("#models-said")).to_contain_text("type a name")
        upstream.play(whole(b'{"error":{"message":"go away","code":"nope"}}', 403))
        page.click("#list-models")
        expect(page.locator("#models-said")).to_have_text("go away (403)")
