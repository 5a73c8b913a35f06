"""Canaries: keys, prompts and answers are planted everywhere, and none of them may turn up in the log."""

from __future__ import annotations

import json

from tests.conftest import Serve
from tests.support.client import call
from tests.support.upstream import END, SSE_HEAD, Cut, Upstream, chunk, whole

KEY, PROXY, SERVER, PROMPT, ANSWER = "sk-canary1", "canary2", "sk-canary3", "canary4", "canary5"
ASKED = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": PROMPT}]}).encode()
SAID = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": ANSWER}}]}).encode() + b"\n\n"


def test_no_key_prompt_or_answer_is_logged(upstream: Upstream, serve: Serve) -> None:
    servers = [
        serve(LOG_LEVEL="debug"),
        serve(LOG_LEVEL="debug", PROXY_KEY=PROXY),
        serve(LOG_LEVEL="debug", PROXY_KEY=PROXY, OPENAI_API_KEY=SERVER),
        serve(LOG_LEVEL="debug", OPENAI_API_KEY=SERVER),
    ]
    scripts = (
        whole(json.dumps({"model": "m", "content": ANSWER, "usage": {"prompt_tokens": 1}}).encode()),
        whole(json.dumps({"error": {"message": f"{KEY} {PROMPT}"}}).encode(), 401),
        whole(ANSWER.encode(), 502, kind="text/html"),
        (SSE_HEAD, chunk(SAID), END),
        (SSE_HEAD, chunk(SAID), Cut()),
        (Cut(),),
    )
    asked = 0
    for server in servers:
        for script in scripts:
            for credential in (KEY, PROXY, f"{KEY}:{PROXY}"):
                for path in (
                    "/v1/chat/completions",
                    f"/{KEY}/x",
                    f"/v1/files?key={KEY}",
                    f"/{KEY}/v1/chat/completions",
                ):
                    upstream.play(script)
                    fields = (("Authorization", f"Bearer {credential}"), ("X-Key", KEY), ("Cookie", KEY))
                    call(server.port, "POST", path, (*fields, ("Content-Type", "application/json")), ASKED)
                    asked += 1
        upstream.play(scripts[0])
        body = json.dumps({"model": f"{KEY} {PROMPT}"}).encode()
        call(server.port, "POST", "/v1/chat/completions", (("Authorization", f"Bearer {KEY}:{PROXY}"),), body)
        body = json.dumps({"model": KEY, "messages": PROMPT}).encode()
        call(server.port, "POST", "/v1/chat/completions", (("Authorization", f"Bearer {KEY}:{PROXY}"),), body)
    lines = [line for server in servers for line in server.raw_lines]
    assert len(lines) >= asked
    assert not [line for line in lines if "canary" in line]
