"""What must hold of the chat requests that Sluice makes of an agent's own."""

from __future__ import annotations

from typing import Any

from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

from tests.support.agents_upstream import Received

# Headers of other protocols, with which this upstream can do nothing.
_FOREIGN = ("anthropic-", "x-api-key", "x-codex-", "originator", "session", "thread-id")


def check_request(received: Received) -> None:
    """The request is one that OpenAI's own types allow, and its calls and their results belong together."""
    assert received.path == "/v1/chat/completions" and received.query == ""
    kind = CompletionCreateParamsStreaming if received.body.get("stream") else CompletionCreateParamsNonStreaming
    TypeAdapter(kind).validate_python(received.body, strict=False)
    assert not any(name.startswith(_FOREIGN) for name in received.headers)
    messages = received.body["messages"]
    roles = [message["role"] for message in messages]
    assert roles.count("system") == (roles[0] == "system") and set(roles) <= {"system", "user", "assistant", "tool"}
    assert "x-anthropic-billing-header" not in str(messages)
    results(messages)


def results(messages: list[dict[str, Any]]) -> dict[str, str]:
    """The result of each call by its id. The results of a message's calls follow it at once, in any order."""
    found: dict[str, str] = {}
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            waiting.remove(message["tool_call_id"])
            found[message["tool_call_id"]] = str(message["content"])
        else:
            assert not waiting, "a call without its result"
            waiting = {call["id"] for call in message.get("tool_calls", ())}
            assert len(waiting) == len(message.get("tool_calls", ())) and not waiting & found.keys(), (
                "an id comes twice"
            )
    assert not waiting
    return found
