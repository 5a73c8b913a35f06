"""Streams of the Messages API and of the Gemini API as tests write them, and how to serve both."""

from __future__ import annotations

import json
from typing import Any

from proxy.access import signed_keys
from proxy.call import Grant
from tests.support.upstream import END, SSE_HEAD, Script, Sleep, Upstream, chunk

_SECRET = "s" * 32
_LATER = 4_000_000_000  # Unix time


def settings(upstream: Upstream, **more: str) -> dict[str, str]:
    """What makes Sluice call this upstream for all APIs, OpenAI's as if it were at another host.

    APIs at one host count as one upstream, whose models are listed only once.
    """
    base = f"http://127.0.0.1:{upstream.port}"
    openai = f"http://localhost:{upstream.port}/v1"
    return {"OPENAI_BASE_URL": openai, "ANTHROPIC_BASE_URL": base, "GEMINI_BASE_URL": base, **more}


def signed_key(*models: str) -> tuple[dict[str, str], str]:
    """The settings for servers that call with their own keys, and a signed key for these models."""
    names = ("OPENAI", "ANTHROPIC", "GEMINI")
    own = {f"{name}_API_KEY": f"sk-server-{name.lower()}" for name in names}
    key = signed_keys.Key("alice", "d03095", _LATER, Grant(models))
    return {**own, "SIGNING_SECRET": _SECRET}, signed_keys.mint(key, [_SECRET])


def messages(*words: str, end: bool = True) -> list[bytes]:
    """The events of one message, with an event for each word."""
    usage = {"input_tokens": 9, "output_tokens": 1}
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    deltas = ({"type": "text_delta", "text": word} for word in words)
    events += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    if end:
        events += [
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": len(words)},
            },
            {"type": "message_stop"},
        ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def gemini(*words: str, end: bool = True) -> list[bytes]:
    """The chunks of one answer, one for each word; the last one has the finish reason."""
    chunks = []
    for number, word in enumerate(words, 1):
        candidate: dict[str, Any] = {"content": {"parts": [{"text": word}], "role": "model"}, "index": 0}
        if end and number == len(words):
            candidate["finishReason"] = "STOP"
        usage = {"promptTokenCount": 9, "candidatesTokenCount": number, "totalTokenCount": 9 + number}
        chunks.append({"candidates": [candidate], "usageMetadata": usage, "responseId": "r1"})
    return [f"data: {json.dumps(chunk)}\r\n\r\n".encode() for chunk in chunks]


def slowly(events: list[bytes]) -> Script:
    """Events with a silence before the first and before the others."""
    first, *others = events
    return (Sleep(0.2), SSE_HEAD, chunk(first), Sleep(0.2), *map(chunk, others), END)
