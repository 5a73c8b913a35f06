"""What a model said comes back to it word for word when a client returns the translated answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.protocols.translate import directions
from proxy.protocols.translate.chat_providers import ChatProvider, provider_at
from proxy.protocols.translate.direction import Asked, Direction
from proxy.wire import sse
from proxy.wire.path_table import MESSAGES, OPENAI, RESPONSES
from tests.support.translate import DONE, chunk, stream
from tests.support.translate import call as call_delta

DEEPSEEK = provider_at("https://api.deepseek.com")  # it needs its reasoning back
MISTRAL = provider_at("https://api.mistral.ai/v1")  # it refuses other ids than its own
LONG = "mcp__" + "server" * 12 + "__tool"
TOOLS: dict[str, list[dict[str, Any]]] = {
    MESSAGES: [{"name": name, "input_schema": {"type": "object"}} for name in ("f", LONG)],
    RESPONSES: [
        {"type": "function", "name": "f", "parameters": {}},
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "f", "parameters": {}}]},
        {"type": "local_shell"},
    ],
}
ARGUMENTS = {
    "patch": st.text(max_size=9).map(lambda text: {"input": text}),
    "local_shell": st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3).map(
        lambda words: {"command": words}
    ),
}
VALUES = st.dictionaries(st.text(max_size=4), st.integers(-9, 9) | st.text(max_size=4), max_size=3)
# A text that begins like `<think>` is reasoning, by the rule for providers that send it so.
TEXTS = st.text(min_size=1, max_size=12).filter(lambda text: not text.lstrip().startswith("<"))


def direction(api: str, upstream_api: str = OPENAI) -> Direction:
    return directions.find(api, upstream_api)


def turn(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """What a model says: reasoning, a text, and calls of these functions."""
    call = st.sampled_from(names).flatmap(
        lambda name: st.tuples(st.just(name), ARGUMENTS.get(name, VALUES), st.text(max_size=5))
    )
    members = {"reasoning": TEXTS, "text": st.just("") | TEXTS, "calls": st.lists(call, max_size=3)}
    return st.fixed_dictionaries(members).filter(lambda said: bool(said["text"] or said["calls"]))


def chat_stream(said: dict[str, Any], identifiers: list[str]) -> bytes:
    """The stream of a turn; parallel calls are mixed."""
    chunks = [chunk({"reasoning_content": said["reasoning"]})]
    if said["text"]:
        chunks.append(chunk({"content": said["text"]}))
    arguments = [compact(given) for _, given, _ in said["calls"]]
    for index, (name, _, _) in enumerate(said["calls"]):
        chunks.append(chunk(call_delta(index, identifiers[index], name, arguments[index][:3])))
    for index, text in enumerate(arguments):
        if text[3:]:
            chunks.append(chunk(call_delta(index, None, None, text[3:])))
    return stream(*chunks, chunk({}, "tool_calls" if said["calls"] else "stop")) + DONE


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def expected(said: dict[str, Any], identifiers: list[str]) -> list[dict[str, Any]]:
    """The messages of the next chat request."""
    message: dict[str, Any] = {"role": "assistant", "content": said["text"] or None}
    message["reasoning_content"] = said["reasoning"]
    if said["calls"]:
        message["tool_calls"] = [
            {"id": identifier, "type": "function", "function": {"name": name, "arguments": compact(given)}}
            for identifier, (name, given, _) in zip(identifiers, said["calls"], strict=True)
        ]
    results = [
        {"role": "tool", "tool_call_id": identifier, "content": result or "(no output)"}
        for identifier, (_, _, result) in zip(identifiers, said["calls"], strict=True)
    ]
    return [{"role": "user", "content": "Hi"}, message, *results, {"role": "user", "content": "Go on"}]


def answered(api: str, names: dict[str, Any], data: bytes) -> list[dict[str, Any]]:
    """The content of a translated answer, as a client puts it together and returns it."""
    translation = direction(api).stream(Asked("m", names, {}))
    events = list(sse.objects(translation.feed(data) + translation.end()))
    if api == RESPONSES:
        output: list[dict[str, Any]] = events[-1]["response"]["output"]
        return output
    blocks: list[dict[str, Any]] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"], "json": ""})
        elif event["type"] == "content_block_delta":
            for name, value in event["delta"].items():
                member = "json" if name == "partial_json" else name
                if name != "type":
                    blocks[-1][member] = blocks[-1].get(member, "") + value
    for block in blocks:
        if text := block.pop("json"):
            block["input"] = json.loads(text)
    return blocks


def next_request(api: str, content: list[dict[str, Any]], results: list[str]) -> dict[str, Any]:
    """The request that returns an answer with the results of its calls."""
    if api == MESSAGES:
        calls = [block for block in content if block["type"] == "tool_use"]
        blocks: list[dict[str, Any]] = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": result}
            for block, result in zip(calls, results, strict=True)
        ]
        last = {"role": "user", "content": [*blocks, {"type": "text", "text": "Go on"}]}
        turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}, last]
        return {"model": "m", "tools": TOOLS[api], "messages": turns}
    kinds = {"custom_tool_call": "custom_tool_call_output"}
    items = [item for item in content if "call_id" in item]
    outputs = [
        {"type": kinds.get(item["type"], "function_call_output"), "call_id": item["call_id"], "output": result}
        for item, result in zip(items, results, strict=True)
    ]
    hi, go_on = ({"role": "user", "content": text} for text in ("Hi", "Go on"))
    return {"model": "m", "tools": TOOLS[api], "input": [hi, *content, *outputs, go_on]}


@pytest.mark.parametrize("provider", [DEEPSEEK, MISTRAL._replace(needs_reasoning=True)], ids=["deepseek", "mistral"])
@pytest.mark.parametrize("api", [MESSAGES, RESPONSES])
def test_an_answer_comes_back_as_it_was(api: str, provider: ChatProvider) -> None:
    first = direction(api).request(next_request(api, [], []), provider, False)
    functions = [tool["function"]["name"] for tool in first.request["tools"]]
    assert all(len(name) <= 64 for name in functions)

    @settings(max_examples=150, deadline=None)
    @given(turn(functions))
    def check(said: dict[str, Any]) -> None:
        identifiers = [f"callid00{index}" for index in range(len(said["calls"]))]
        content = answered(api, first.names, chat_stream(said, identifiers))
        request = next_request(api, content, [result for _, _, result in said["calls"]])
        made = direction(api).request(request, provider, False)
        assert made.request["messages"] == expected(said, identifiers) and made.dropped == []

    check()


def test_encrypted_reasoning_comes_back_through_both_apis() -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
    more = {**reasoning, "id": "rs_2", "encrypted_content": "gBBBB"}
    response = {"id": "resp_1", "status": "completed", "model": "m", "output": [reasoning, more, call]}
    message = direction(MESSAGES, RESPONSES).answer(response, Asked("m", {}, {}))
    completion = direction(OPENAI, RESPONSES).answer(response, Asked("m", {}, {}))
    assert message is not None and completion is not None
    hi = {"role": "user", "content": "Hi"}
    chat = {
        "model": "m",
        "messages": [
            hi,
            completion["choices"][0]["message"],
            {"role": "tool", "tool_call_id": "call_1", "content": "ok"},
        ],
    }
    messages = next_request(MESSAGES, message["content"], ["ok"])
    for api, request in ((OPENAI, chat), (MESSAGES, messages)):
        made = direction(api, RESPONSES).request(request, DEEPSEEK, True)
        kinds = [item.get("type") for item in made.request["input"]]
        at = kinds.index("reasoning")
        assert made.request["input"][at] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
        assert made.request["input"][at + 1] == {**made.request["input"][at], "encrypted_content": "gBBBB"}
        assert kinds[at + 2 : at + 4] == ["function_call", "function_call_output"] and made.dropped == []
