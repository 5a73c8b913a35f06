"""Requests that meet the guards of a deployment, and what became of them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.core import KEY, Listed, error_of, request, run

JSON = (("content-type", "application/json"),)
CHAT, COMPLETIONS, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"
OWNER = {"OPENAI_API_KEY": "sk-owner-0123456789abcdef", "ANTHROPIC_API_KEY": "sk-ant-owner-0123456789"}
HELD = {**OWNER, "PROXY_KEY": "pk-0123456789abcdef0123"}
SIGNED = {**OWNER, "SIGNING_SECRET": "s" * 40}
PROXY_KEY = (("authorization", "Bearer pk-0123456789abcdef0123"),)
FORM = ("content-type", "multipart/form-data; boundary=b")


def send(
    body: Any,
    settings: dict[str, str],
    path: str = CHAT,
    headers: tuple[tuple[str, str], ...] = KEY,
    method: str = "POST",
) -> tuple[str | None, bytes | None]:
    """The code of the error, and what went up; each None where there is none."""
    upstream = Listed(b"{}", headers=JSON)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = request(path.partition("?")[0], data, headers=headers, method=method)
    asked.query = path.partition("?")[2]
    reply, _ = run(upstream, asked, settings=settings)
    code = error_of(reply)["code"] if reply.status >= 400 else None
    return code, upstream.sent[0].body if upstream.sent else None


def chat(content: Any = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}], **more}


def responses(given: Any = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "input": given, **more}


def messages(*content: Any, **more: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 20,
        "messages": [{"role": "user", "content": content or "Hi"}],
        **more,
    }


def form(**fields: str) -> bytes:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    return ("".join(parts) + "--b--\r\n").encode()


BIG = "word " * 40_000  # 40,000 tokens: $0.10 of gpt-4o


def gpt4o(content: Any = "Hi", **more: Any) -> dict[str, Any]:
    return chat(content, **{"model": "gpt-4o", "max_tokens": 20, **more})


def called(message: dict[str, Any], **function: Any) -> dict[str, Any]:
    """A history with a call of a function."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}", **function}}
    return gpt4o(messages=[{"role": "assistant", "tool_calls": [call], **message}])
