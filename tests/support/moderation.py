"""Moderated calls through relay(), and the events and answers that they get."""

from __future__ import annotations

import json
from typing import Any

from proxy.messages import Reply
from tests.support.core import Listed, request, run

JSON = (("content-type", "application/json"),)
WORDS = {"MODERATION": "words", "MODERATION_WORDS": "forbidden,禁词", "MODERATION_MESSAGE": "No."}
API = {"MODERATION": "openai", "MODERATION_OPENAI_KEY": "sk-mod", "MODERATION_MESSAGE": "No.", "ALLOW_ANONYMOUS": "1"}
ASKS = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]'
PLAIN = ASKS + b"}"
DONE = b"data: [DONE]\n\n"
CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"


def chunk(text: str, finish: str | None = None, index: int = 0, **delta: Any) -> bytes:
    said = {**({"content": text} if text else {}), **delta}
    choice = {"index": index, "delta": said, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c1", "model": "m", "created": 7, "choices": [choice]}).encode() + b"\n\n"


def whole(*texts: str) -> bytes:
    choices = [{"index": i, "message": {"content": text}, "finish_reason": "stop"} for i, text in enumerate(texts)]
    return json.dumps({"id": "c1", "model": "m", "choices": choices, "usage": {"prompt_tokens": 1}}).encode()


def moderated(
    upstream: Listed, body: bytes = ASKS + b"}", path: str = CHAT, method: str = "POST", **settings: str
) -> tuple[Reply, bytes, dict[str, Any]]:
    lines: list[str] = []
    reply, pieces = run(upstream, request(path, body, method=method), lines, settings={**WORDS, **settings})
    return reply, b"".join(pieces), json.loads(lines[-1])


def header_of(reply: Reply) -> str | None:
    return reply.headers.get("x-sluice-moderation")


def objects(data: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]


def response(number: int, kind: str, **fields: Any) -> bytes:
    value = {"type": f"response.{kind}", "sequence_number": number, **fields}
    return f"event: response.{kind}\ndata: ".encode() + json.dumps(value).encode() + b"\n\n"
