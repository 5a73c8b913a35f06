"""The demo in the formats of Anthropic's and Google's APIs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.host import Capabilities, Host
from proxy.messages import Headers, Request
from proxy.protocols import registry
from proxy.relay import relay
from proxy.startup import load
from proxy.transports.demo import DemoUpstream
from proxy.wire import sse
from tests.support import fake_clock
from tests.support.fake_clock import FakeClock

GOOGLE = "/v1beta/models/demo"
CONTENTS = {"contents": [{"parts": [{"text": "Hello you"}]}]}
MESSAGE = {"model": "demo", "messages": [{"role": "user", "content": "Hello you"}], "tools": [{"name": "Bash"}]}


def asked(path: str, body: Any, query: str = "") -> tuple[int, bytes]:
    async def go() -> tuple[int, bytes]:
        clock = FakeClock()
        host = Host(
            "test",
            Capabilities(True, True, None),
            clock,
            new_id=lambda: "sl_1",
            choose=lambda count: 0,
            write=lambda _: None,
        )
        head = Headers((("content-type", "application/json"),))
        call = Request("POST", path, query, head, json.dumps(body).encode())
        reply = await relay(call, load({"DEMO": "1"}), DemoUpstream(clock), host)
        if isinstance(reply.body, bytes):
            return reply.status, reply.body
        data = b"".join([piece async for piece in reply.body])
        await reply.body.aclose()
        return reply.status, data

    return fake_clock.run(go())


@pytest.mark.parametrize(
    ("api", "whole", "streamed"),
    [
        ("messages", ("/v1/messages", MESSAGE, ""), ("/v1/messages", {**MESSAGE, "stream": True}, "")),
        (
            "gemini",
            (f"{GOOGLE}:generateContent", CONTENTS, ""),
            (f"{GOOGLE}:streamGenerateContent", CONTENTS, "alt=sse"),
        ),
    ],
)
def test_an_answer_is_the_same_whole_and_streamed(
    api: str, whole: tuple[str, Any, str], streamed: tuple[str, Any, str]
) -> None:
    _, body = asked(*whole)
    accumulator = registry.get(api).accumulator()
    assert accumulator is not None
    for event in sse.objects(asked(*streamed)[1]):
        accumulator.add(event)
    answer = json.loads(body)
    assert accumulator.is_finished and accumulator.whole() == answer
    assert "tool_use" not in body.decode() and "“Hello you”" in body.decode()


def test_a_short_answer_says_that_it_was_cut() -> None:
    _, body = asked("/v1/messages", {**MESSAGE, "max_tokens": 3})
    assert (json.loads(body)["stop_reason"], json.loads(body)["usage"]["output_tokens"]) == ("max_tokens", 3)
    _, body = asked(f"{GOOGLE}:generateContent", {**CONTENTS, "generationConfig": {"maxOutputTokens": 3}})
    assert json.loads(body)["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_tokens_are_counted_in_words() -> None:
    assert json.loads(asked("/v1/messages/count_tokens", MESSAGE)[1]) == {"input_tokens": 2}
    assert json.loads(asked(f"{GOOGLE}:countTokens", CONTENTS)[1]) == {"totalTokens": 2}


def test_another_model_is_not_there() -> None:
    assert asked("/v1/messages", {**MESSAGE, "model": "claude-x"})[0] == 404
    assert asked("/v1beta/models/gemini-x:generateContent", CONTENTS)[0] == 404
    assert asked("/v1beta/models/demo:embedContent", CONTENTS)[0] == 404
