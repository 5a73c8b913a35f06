"""The console's chat in real Chromium: streaming, stopping, errors, the key, and answers that mean harm."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import Serve
from tests.support.browser import fact, opened, say
from tests.support.console_streams import OWN_KEY
from tests.support.upstream import CEILING, END, SSE_HEAD, Script, Step, Upstream, Wait, chunk, whole

pytestmark = pytest.mark.any_python("Chromium runs the page")
DONE = b"data: [DONE]\n\n"


def event(text: str | None, reason: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return b"data: " + json.dumps({"id": "c", "choices": choices}).encode() + b"\n\n"


def spoken(*texts: str, waits: bool = False) -> Script:
    """An upstream that sends these, and continues only when the test lets it, where it `waits`."""
    steps: list[Step] = [SSE_HEAD]
    for text in texts:
        steps += [chunk(event(text)), *([Wait()] if waits else [])]
    usage = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'
    return (*steps, chunk(event(None, "stop")), chunk(usage), chunk(DONE), END)


def answered(page: Page, body: bytes, **headers: str) -> None:
    """Put an event stream that came at once in the place of the endpoint's answers."""
    page.unroute_all()
    head = {"content-type": "text/event-stream", **headers}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(headers=head, body=body))


def test_each_piece_is_shown_before_the_next_is_sent(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    url = serve(**OWN_KEY).url
    upstream.play(spoken("one ", "two ", "three", waits=True))
    with opened(browser, url) as visit:
        page = visit.page
        page.click("summary")
        page.fill("#system", "Be brief.")
        expect(page.locator("#model")).to_have_value("YOUR-MODEL")  # what stands behind this address nobody knows
        page.fill("#model", "gpt-4o-mini")
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
        assert [turn["content"] for turn in json.loads(upstream.received[0].body)["messages"]] == [
            *("Be brief.", "count", "one two three", "go on"),
        ]
        visit.check(url)


def test_stop_ends_the_call_upstream_too(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    upstream.play(spoken("one ", "two ", waits=True))
    with opened(browser, serve(**OWN_KEY).url) as visit:
        page = visit.page
        say(page, "count")
        expect(page.locator(".assistant .text")).to_have_text("one")
        page.click("#stop")
        assert upstream.gone.wait(CEILING)
        expect(page.locator(".assistant .text")).to_contain_text("stopped")
        assert fact(page, "Ending") == "stopped by you"
        expect(page.locator("#send")).to_be_visible()


def test_errors_show_the_endpoint_s_message(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.fill("#model", "demo-error-429")
        say(page, "hi")
        failed = page.locator(".failed")
        expect(failed).to_contain_text("The demo upstream fails with 429 because you asked for it.")
        for detail in (
            "(429)",
            "What to do: Wait 1 s, then send the message again.",
            "demo · Request id sl_",
            "retry-after 1 s",
        ):
            expect(failed).to_contain_text(detail)
        assert fact(page, "Ending") == "failed" and page.input_value("#message") == "hi"
        page.click("#clear")
        page.fill("#model", "demo-cut")
        say(page, "hi")
        expect(failed).to_contain_text("closed the connection")
        expect(page.locator(".assistant .text")).to_contain_text("Hello!")
        assert fact(page, "Ending") == "failed"


def test_an_unreachable_endpoint_is_reported(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.route("**/v1/**", lambda route: route.abort())
        say(page, "hi")
        expect(page.locator(".failed")).to_contain_text("could not be reached")
        page.click("#list-models")
        expect(page.locator("#models-status")).to_contain_text("could not be reached")


@pytest.mark.parametrize(
    ("headers", "verdict", "ending"),
    [
        ({"x-sluice-buffered": "1"}, "this platform does not stream", "complete"),
        ({}, "Buffered: a stream was requested", "complete"),
        (
            {"x-sluice-truncated": "deadline"},
            "Buffered: a stream was requested",
            "complete · the function ran out of time",
        ),
    ],
)
def test_a_stream_that_arrives_at_once_is_reported(
    browser: Browser, demo: str, headers: dict[str, str], verdict: str, ending: str
) -> None:
    body = b"".join([*(event(f"word{number} ") for number in range(20)), event(None, "stop"), DONE])
    with opened(browser, demo) as visit:
        page = visit.page
        answered(page, body, **headers)
        page.route("**/input_tokens", lambda route: route.fulfill(status=501, body='{"error": {"message": "no"}}'))
        say(page, "hi")
        expect(page.locator("#verdict")).to_contain_text(verdict)
        assert fact(page, "Ending") == ending
        expect(page.locator("#facts dt:text-is('Cost') + dd")).to_contain_text("cannot count tokens")


def test_a_stream_that_is_cut_off_is_reported_as_incomplete(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        answered(page, event("half"))
        say(page, "hi")
        expect(page.locator(".failed")).to_contain_text("answer is incomplete")
        assert fact(page, "Ending") == "cut off"


def test_comments_other_line_ends_and_reasoning_are_understood(browser: Browser, demo: str) -> None:
    thought = b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"let me see"}}]}\n\n'
    said = b": ping\n\n: ping\n" + thought + event("42", "stop") + b"data: no json\n\ndata:[DONE]\n\n"
    with opened(browser, demo) as visit:
        page = visit.page
        for body in (said, said.replace(b"\n", b"\r\n"), said.replace(b"\n", b"\r")):
            answered(page, body)
            say(page, "hi")
            expect(page.locator(".assistant .text p")).to_have_text("42")
            expect(page.locator(".assistant .reasoning")).to_have_text("let me see")
            assert fact(page, "Ending") == "complete" and page.locator(".failed").count() == 0
            page.click("#clear")
        visit.check(demo)


def test_a_gateway_s_own_error_page_is_shown_as_text(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.route("**/v1/chat/completions", lambda route: route.fulfill(status=502, body="<b>Bad Gateway</b>"))
        say(page, "hi")
        expect(page.locator(".failed")).to_contain_text("<b>Bad Gateway</b>")
        expect(page.locator(".failed")).to_contain_text("(502)What to do: Send it again in a moment.")


def test_a_response_that_is_not_json_differs_from_no_response(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.uncheck("#streamed")
        page.route(
            "**/v1/chat/completions", lambda route: route.fulfill(content_type="text/html", body="<h1>Sign in</h1>")
        )
        say(page, "Hi")
        expect(page.locator(".failed .text")).to_contain_text("The response is not JSON: something between you")


def test_a_key_that_no_header_can_carry_is_refused_before_sending(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.fill("#key", "sk-abc\uff0c\u5bc6\u94a5")
        say(page, "Hi")
        expect(page.locator(".failed .text")).to_contain_text("The key contains characters that are not allowed")


def test_an_answer_full_of_backticks_does_not_freeze_the_page(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        text = "x " + "`" * 20_000 + "a" * 20_000  # took minutes when each backtick was tried as a beginning
        answered(page, event(text) + event("\n\n`code`") + event(None, "stop") + DONE)
        say(page, "Hi")
        expect(page.locator(".assistant code")).to_have_text("code")


def test_a_price_that_arrives_after_clearing_is_ignored(browser: Browser, demo: str) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with opened(browser, demo) as visit:
        page = visit.page
        answered(page, event("hello") + event(None, "stop") + DONE)
        page.route("**/input_tokens", hold)
        with page.expect_request("**/input_tokens"):
            say(page, "Hi")
        page.click("#clear")
        expect(page.locator("#report")).to_be_hidden()
        with page.expect_response("**/input_tokens"):
            held[0].fulfill(json={"input_tokens": 8, "price": {"input": 1, "at_max_output": 1}})
        say(page, "Hi")  # the page lives on, and the late price shows in nobody's report
        expect(page.locator(".assistant .text")).to_have_text("hello")
        expect(page.locator("#report")).to_be_visible()
        expect(page.locator("#facts dt:text-is('Cost')")).to_have_count(0)
        visit.check(demo)


def test_without_streaming_the_answer_arrives_whole(browser: Browser, demo: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        page.uncheck("#streamed")
        say(page, "Hello")
        expect(page.locator(".assistant .text")).to_contain_text("I am the demo model")
        expect(page.locator("#verdict")).to_have_text("In one piece, as requested.")
        visit.check(demo)


def test_the_key_stays_in_the_tab_unless_remembered(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    url = serve().url
    upstream.play(spoken("ok"))
    with opened(browser, url) as visit:
        page = visit.page
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
        visit.check(url)


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
    with opened(browser, url) as visit:
        page = visit.page
        say(page, "hi")
        text = page.locator(".assistant .text")
        expect(text).to_contain_text("window.owned = 6")
        expect(page.locator("#stop")).to_be_hidden()
        kinds = page.evaluate(
            "[...new Set([...document.querySelectorAll('.text *')].map((node) => node.tagName))].sort()"
        )
        assert kinds == ["A", "B", "BR", "BUTTON", "CODE", "DIV", "LI", "OL", "P", "PRE", "UL"]
        links = page.evaluate(
            "[...document.querySelectorAll('.text a')].map((link) => [link.href, link.rel, link.target])"
        )
        assert {link[0] for link in links} == {"https://example.com/?a=1&b=2", "https://example.com/pic.png"}
        assert all("noopener" in link[1] and link[2] == "_blank" for link in links)
        expect(text.locator("b").first).to_have_text("strong")
        expect(text.locator("li")).to_have_count(4)
        assert page.evaluate("window.owned") is None
        visit.check(url)


def test_enter_in_an_input_method_does_not_send(browser: Browser, demo: str) -> None:
    press = """(how) => document.getElementById("message").dispatchEvent(
        new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...how }))"""
    with opened(browser, demo) as visit:
        page = visit.page
        page.fill("#message", "nihao")
        for how in ({"isComposing": True}, {"keyCode": 229}, {"shiftKey": True}):
            page.evaluate(press, how)
        assert page.input_value("#message") == "nihao" and page.locator(".message").count() == 0
        page.press("#message", "Enter")
        expect(page.locator(".user .text")).to_have_text("nihao")


def test_an_empty_or_refused_list_of_models_is_reported(browser: Browser, upstream: Upstream, serve: Serve) -> None:
    with opened(browser, serve(**OWN_KEY).url) as visit:
        page = visit.page
        upstream.play(whole(b'{"object":"list","data":[]}'))
        page.click("#list-models")
        expect(page.locator("#models-status")).to_contain_text("Enter a name")
        upstream.play(whole(b'{"error":{"message":"go away","code":"nope"}}', 403))
        page.click("#list-models")
        expect(page.locator("#models-status")).to_contain_text("go away (403)What to do: Ask the owner")
