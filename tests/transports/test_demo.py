"""The demo upstream at its edges; the openai SDK's tests show the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.transports import demo_model
from proxy.transports.demo import DemoUpstream
from proxy.upstream import Outgoing, Target, Timeouts
from tests.support import fake_clock
from tests.support.core import Listed, host, request, run


@pytest.mark.parametrize(
    ("request_body", "text"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]}, "a "),
        ({"input": "b"}, "b"),
        ({"input": [{"role": "user", "content": "c"}]}, "c"),
        ({"prompt": ["d", "e"]}, "e"),
        ({"messages": []}, ""),
        ({"messages": [{"role": "user"}]}, ""),
        ({"messages": ["text"]}, "text"),
        ({}, ""),
    ],
)
def test_the_last_thing_said_is_found(request_body: dict[str, object], text: str) -> None:
    assert demo_model.prompt_of(request_body) == text


def test_tokens_joined_are_the_text() -> None:
    text = "  Hello, 世界! a  b\n\n好 "
    assert "".join(demo_model.tokens(text)) == text
    assert demo_model.tokens("你好") == ["你", "好"]


def test_the_answer_is_in_the_language_of_the_question() -> None:
    assert demo_model.answer_to("你好").startswith("你好")
    assert demo_model.answer_to("hi").endswith("“hi”")
    assert demo_model.answer_to("").endswith("place.")


def test_a_tool_is_called_as_it_was_chosen() -> None:
    def call(tools: object, **more: object) -> object:
        tool_call = demo_model.tool_call({"messages": [{"role": "user", "content": "x"}], "tools": tools, **more})
        return tool_call and (tool_call["function"]["name"], tool_call["function"]["arguments"])

    first = {"type": "function", "function": {"name": "one"}}
    schema = {
        "type": "object",
        "properties": {
            "a": {"enum": ["x", "y"]},
            "b": {"type": "array", "items": {"type": "boolean"}},
            "c": {"type": "null"},
            "d": True,
            "e": {"type": "object", "properties": 5},
        },
    }
    second = {"type": "function", "function": {"name": "two", "parameters": schema}}
    assert call([first, second]) == ("one", "{}")
    chosen = {"type": "function", "function": {"name": "two"}}
    assert call([first, second], tool_choice=chosen) == (
        "two",
        '{"a": "x", "b": [true], "c": null, "d": null, "e": {}}',
    )
    assert call([first], tool_choice="none") is None
    assert call([first], tool_choice={"type": "function", "function": {"name": "three"}}) is None
    assert call([first], messages=[]) is None
    assert call([5]) is None
    assert call("x") is None
    assert call([first], messages=["x"]) is not None


def tallied(model: Any, **settings: str) -> dict[str, Any]:
    call = request("/v1/chat/completions/input_tokens", json.dumps({"model": model, "messages": []}).encode())
    reply, _ = run(Listed(b""), call, settings=settings)
    assert reply.status == 200 and isinstance(reply.body, bytes)
    count: dict[str, Any] = json.loads(reply.body)
    return count


def test_in_demo_mode_the_price_of_a_real_model_is_told_by_its_name() -> None:
    for model, provider in (("gpt-4o-mini", "openai"), ("deepseek-chat", "deepseek")):
        price = tallied(model, DEMO="1")["price"]
        assert price["provider"] == provider and price["input"] > 0
    for unknown in ("demo", 7):
        assert tallied(unknown, DEMO="1")["price"]["input"] is None
    assert tallied("deepseek-chat", OPENAI_BASE_URL="https://api.openai.com/v1")["price"]["input"] is None


def test_a_call_in_demo_mode_has_no_price() -> None:
    lines: list[str] = []
    body = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2}}'
    answer = Listed(body, headers=(("content-type", "application/json"),))
    run(answer, request(body=b'{"model":"gpt-4o-mini","messages":[]}'), lines, settings={"DEMO": "1", "METERING": "on"})
    assert "cost_usd" not in json.loads(lines[-1]) and '"gen_ai.usage.output_tokens": 2' in lines[-1]


@pytest.mark.parametrize("body", [b"no json", b"[1]", b"[" * 100_000])
def test_what_is_no_object_is_refused_as_an_api_would(body: bytes) -> None:
    target = Target("demo", "https://demo.invalid/v1", "demo")
    outgoing = Outgoing(target, "POST", "chat/completions", "", [], body, Timeouts(1, 1, 1))
    answer = fake_clock.run(DemoUpstream(host().clock).send(outgoing))
    assert answer.status == 400
