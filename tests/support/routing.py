"""Calls through relay() with several upstreams, and what an upstream may refuse."""

from __future__ import annotations

import json
from typing import Any

from proxy import startup
from proxy.errors import ProxyError
from proxy.host import Host
from proxy.messages import Reply, Request
from proxy.relay import relay
from tests.support import fake_clock
from tests.support.core import host, request
from tests.support.several import Does, Several

TWO: list[dict[str, Any]] = [
    {"name": "one", "base_url": "https://one.example/v1", "keys": "k1"},
    {"name": "two", "base_url": "https://two.example/v1", "keys": "k2", "priority": 1},
]
SETTINGS = {"ALLOW_ANONYMOUS": "1", "ALLOW_PATHS": "*"}
JSON_BODY = b'{"model":"m"}'
A = {"name": "a", "base_url": "https://a.example/v1", "keys": "ka", "models": "a-*"}
B = {"name": "b", "base_url": "https://b.example/v1", "keys": "kb", "models": ["b-*", "shared"]}
ALL = {"name": "all", "base_url": "https://all.example/v1", "keys": "kall"}
FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n\x00\xff model\r\n%s--x--\r\n'
MODEL = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n'


def first_of(count: int) -> int:
    return 0


def made(lines: list[str] | None = None) -> Host:
    found = host(lines)
    found.choose = first_of
    return found


def run(
    upstream: Several,
    asked: Request | None = None,
    upstreams: Any = TWO,
    settings: dict[str, str] = SETTINGS,
    on: Host | None = None,
) -> tuple[Reply, bytes]:
    async def go() -> tuple[Reply, bytes]:
        settled = startup.load({**settings, **({"UPSTREAMS": json.dumps(upstreams)} if upstreams else {})})
        reply = await relay(asked or request(body=JSON_BODY), settled, upstream, on or made())
        if isinstance(reply.body, bytes):
            return reply, reply.body
        try:
            return reply, b"".join([piece async for piece in reply.body])
        finally:
            await reply.body.aclose()

    return fake_clock.run(go())


def refusal(status: int, code: str | None = None, kind: str = "x") -> Does:
    error = {"message": "no", "type": kind, "param": None, "code": code}
    return Does(status, json.dumps({"error": error}).encode())


def failing(error: ProxyError) -> Does:
    return Does(error=error)


def body(model: Any, **more: Any) -> bytes:
    return json.dumps({"model": model, **more}).encode()


def form(data: bytes, kind: str = "multipart/form-data; boundary=x") -> Request:
    headers = (("authorization", "Bearer x"), ("content-type", kind))
    return request("/v1/audio/transcriptions", data, headers=headers)
