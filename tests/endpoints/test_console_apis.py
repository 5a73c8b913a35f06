"""The console's playground in each API: what it sends, how it reads streams, and what it says of endings and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Serve
from tests.support import console_streams as streams
from tests.support.browser import fact, opened, say
from tests.support.console_streams import APIS, answered, choose, piece
from tests.support.upstream import Upstream, Wait, chunk, stream

pytestmark = pytest.mark.any_python("Chromium runs the page")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_the_demo_answers_in_each_api(browser: Browser, demo: str, api: str, streamed: bool) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        choose(page, api)
        page.set_checked("#streamed", streamed)
        say(page, "Hello")
        expect(page.locator(".assistant .text")).to_contain_text("You said: “Hello”")
        expect(page.locator("#verdict")).to_contain_text("Streamed" if streamed else "In one piece, as requested.")
        assert fact(page, "Tokens, in / out") == "1 / 51"
        assert fact(page, "Ending") == "complete" and fact(page, "Reason in the API") == streams.COMPLETE[api]
        assert page.locator(".failed").count() == 0
        paths = [url.removeprefix(f"{demo}/v1/") for url in visit.requests if "/v1/" in url]
        assert paths == [streams.PATHS[api], "chat/completions/input_tokens"]
        visit.check(demo)


SENT: dict[str, dict[str, Any]] = {
    "openai": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "first"},
            {"role": "user", "content": "two"},
        ],
        "stream_options": {"include_usage": True},
    },
    "responses": {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "first"},
            {"role": "user", "content": "two"},
        ],
        "store": False,
    },
    "messages": {
        "system": "Be brief.",
        "max_tokens": 4096,
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "first"},
            {"role": "user", "content": "two"},
        ],
    },
}


@pytest.mark.parametrize("api", APIS)
def test_a_conversation_goes_on_in_another_api(browser: Browser, demo: str, api: str) -> None:
    other = APIS[APIS.index(api) - 1]
    with opened(browser, demo) as visit:
        page = visit.page
        page.click("summary")
        page.fill("#system", "Be brief.")
        choose(page, other)
        answered(page, other, streams.start(other) + piece(other, "first") + streams.end(other))
        say(page, "one")
        expect(page.locator("#facts dt:text-is('Cost')")).to_be_visible()
        choose(page, api)
        answered(page, api, streams.start(api) + piece(api, "second") + streams.end(api))
        with page.expect_request(f"**/v1/{streams.PATHS[api]}") as sent:
            say(page, "two")
        assert json.loads(sent.value.post_data or "") == {"model": "demo", "stream": True, **SENT[api]}
        assert sent.value.headers.get("anthropic-version") == ("2023-06-01" if api == "messages" else None)
        expect(page.locator(".assistant .text").last).to_have_text("second")
        visit.check(demo)


@pytest.mark.parametrize("api", APIS)
def test_reasoning_is_told_from_the_answer_and_usage_is_whole(browser: Browser, demo: str, api: str) -> None:
    thought = piece(api, "let me ", thought=True) + piece(api, "see", thought=True)
    body = streams.start(api) + thought + piece(api, "forty-") + piece(api, "two") + streams.end(api)
    with opened(browser, demo) as visit:
        page = visit.page
        choose(page, api)
        answered(page, api, body)
        say(page, "hi")
        expect(page.locator(".assistant .body")).to_have_text("forty-two")
        expect(page.locator(".assistant .reasoning")).to_have_text("let me see")
        expect(page.locator(".assistant details")).not_to_have_attribute("open", "")
        assert fact(page, "Tokens, in / out") == "7 / 3"  # in Messages, with what the cache held
        visit.check(demo)


@pytest.mark.parametrize("api", APIS)
def test_an_answer_that_reaches_a_limit_is_not_called_complete(browser: Browser, demo: str, api: str) -> None:
    reason = streams.TOO_LONG[api]
    with opened(browser, demo) as visit:
        page, failed = visit.page, visit.page.locator(".failed")
        choose(page, api)
        answered(page, api, streams.start(api) + piece(api, "half") + streams.end(api, reason))
        say(page, "hi")
        expect(failed).to_contain_text("The answer is incomplete: cut off at a length limit")
        expect(failed).to_contain_text("What to do: Ask the model to go on.")
        assert fact(page, "Ending") == "cut off at a length limit" and fact(page, "Reason in the API") == reason
        page.click("#clear")
        late = streams.end(api, reason, sluice={"truncated": "deadline"})
        answered(page, api, streams.start(api) + piece(api, "half") + late)
        say(page, "hi")
        expect(failed).to_contain_text("The answer is incomplete: the function ran out of time")
        expect(failed).to_contain_text("What to do: Tick “Stream”")
        assert fact(page, "Ending") == "cut off at a length limit · the function ran out of time"
        expect(page.locator(".assistant .body")).to_have_text("half")


@pytest.mark.parametrize(("api", "reason"), [("openai", "content_filter"), ("messages", "refusal")])
def test_a_withheld_answer_is_said_to_be(browser: Browser, demo: str, api: str, reason: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        choose(page, api)
        answered(page, api, streams.start(api) + streams.end(api, reason))
        say(page, "hi")
        expect(page.locator(".failed")).to_contain_text("A content filter withheld the answer or a part of it.")
        expect(page.locator(".failed")).to_contain_text("What to do: Rephrase the message.")
        assert page.input_value("#message") == "hi"


@pytest.mark.parametrize("api", APIS)
def test_a_failed_stream_keeps_what_came(browser: Browser, demo: str, api: str) -> None:
    body = streams.start(api) + piece(api, "half") + streams.failure(api, "The model is too busy.", "server_is_busy")
    with opened(browser, demo) as visit:
        page, failed = visit.page, visit.page.locator(".failed")
        choose(page, api)
        answered(page, api, body)
        say(page, "hi")
        expect(failed).to_contain_text("The answer is incomplete")
        expect(failed).to_contain_text("The model is too busy.")
        expect(failed).to_contain_text("server_is_busy")
        expect(page.locator(".assistant .body")).to_have_text("half")
        assert fact(page, "Ending") == "failed" and page.input_value("#message") == ""


ERRORS = {
    "openai": {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
    "responses": {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
    "messages": {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}, "request_id": "x"},
}


@pytest.mark.parametrize("api", APIS)
def test_each_api_s_error_has_its_fix_beside_it(browser: Browser, demo: str, api: str) -> None:
    with opened(browser, demo) as visit:
        page = visit.page
        choose(page, api)
        answered(page, api, json.dumps(ERRORS[api]).encode(), 429, **{"retry-after": "7"})
        say(page, "hi")
        expect(page.locator(".failed [data-problem]")).to_have_text(
            "Slow down. (429)What to do: Wait 7 s, then send the message again."
        )
        page.click("#language")
        expect(page.locator(".failed [data-problem]")).to_have_text("Slow down. (429)怎么办：等待 7 秒后重新发送。")


def test_an_api_that_is_not_served_is_marked_and_its_error_explained(browser: Browser, serve: Serve) -> None:
    server = serve(
        OPENAI_API_KEY="k", ALLOW_ANONYMOUS="1", TRANSLATE="off", OPENAI_BASE_URL="https://api.mistral.ai/v1"
    )
    with opened(browser, server.url) as visit:
        page = visit.page
        expect(page.locator("#api-status")).to_have_text("POST /v1/chat/completions · Served here: yes")
        choose(page, "messages")
        expect(page.locator("#api-status")).to_have_text("POST /v1/messages · Served here: no")
        say(page, "hi")
        expect(page.locator(".failed")).to_contain_text("No upstream of this endpoint serves Anthropic's Messages API.")
        expect(page.locator(".failed")).to_contain_text("api_not_served")
        expect(page.locator(".failed")).to_contain_text("Choose another API above")
        expect(page.locator(".failed")).not_to_contain_text("/help")  # a link says it
        expect(page.locator(".failed .see")).to_have_attribute("href", f"{server.url}/help?lang=en#api_not_served")


def test_the_suggested_model_follows_the_api_unless_the_reader_has_named_one(browser: Browser, serve: Serve) -> None:
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "PROXY_KEY": "pk-0123456789abcdef"}
    with opened(browser, serve(**keys, OPENAI_BASE_URL="https://api.openai.com/v1").url) as visit:
        page, model = visit.page, visit.page.locator("#model")
        expect(model).to_have_value("gpt-5.4-mini")
        choose(page, "messages")
        expect(model).to_have_value("claude-haiku-5-5")
        page.fill("#model", "mine")
        choose(page, "responses")
        expect(model).to_have_value("mine")


@pytest.mark.parametrize("api", ["responses", "messages"])
def test_a_translated_answer_is_shown_piece_by_piece(
    browser: Browser, upstream: Upstream, serve: Serve, api: str
) -> None:
    """The stand-in for a provider serves chat completions alone, so that both APIs go through the translation."""
    table = {"name": "up", "base_url": upstream.url, "keys": ["sk-server"], "responses": False, "messages": False}
    upstream.play(
        stream(
            piece("openai", "one "),
            end=(Wait(), chunk(piece("openai", "two")), chunk(streams.end("openai")), b"0\r\n\r\n"),
        )
    )
    url = serve(ALLOW_ANONYMOUS="1", UPSTREAMS=json.dumps([table])).url
    with opened(browser, url) as visit:
        page = visit.page
        choose(page, api)
        expect(page.locator("#api-status")).to_contain_text("translated for the upstream")
        page.fill("#model", "m")
        say(page, "count")
        expect(page.locator(".assistant .body")).to_have_text("one")
        upstream.proceed()
        expect(page.locator(".assistant .body")).to_have_text("one two")
        assert fact(page, "Tokens, in / out") == "7 / 3" and fact(page, "Ending") == "complete"
        visit.check(url)
