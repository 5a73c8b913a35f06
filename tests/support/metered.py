"""One metered call: what goes up, what comes back, and the figures in the log."""

from __future__ import annotations

import json
from typing import Any

from proxy.messages import Reply
from tests.support.core import Listed, request, run

JSON = (("content-type", "application/json"),)
HI = b'{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
BEFORE = b'data: {"id":"c","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":"Hello there"}}]'
TEXT, TEXT_NULL = BEFORE + b"}\n\n", BEFORE + b',"usage":null}\n\n'
USED = {"prompt_tokens": 8, "completion_tokens": 2, "completion_tokens_details": {"audio_tokens": 0}}
USAGE = b'data: {"id":"c","choices":[],"usage":' + json.dumps(USED).encode() + b"}\n\n"
DONE = b"data: [DONE]\n\n"


def metered(
    upstream: Listed, body: bytes = HI, mode: str = "on", path: str = "/v1/chat/completions", **settings: str
) -> tuple[Reply, bytes, dict[str, Any]]:
    lines: list[str] = []
    incoming = request(path, body)
    reply, pieces = run(upstream, incoming, lines, settings={"METERING": mode, **settings})
    return reply, b"".join(pieces), json.loads(lines[-1])
