"""The contract: which headers go up and which come back."""

from __future__ import annotations

from tests.contract.parts import BOTH, OK, SERVER_KEY, bearer
from tests.support.case import CALLER, JSON, LOCAL, STREAMED, Ask, Case, Want
from tests.support.upstream import Received, stream, whole

SENT = (
    ("Authorization", "Bearer sk-caller"),
    ("User-Agent", "app/1"),
    ("Idempotency-Key", "i-1"),
    ("X-Stainless-Lang", "python"),
    ("OpenAI-Beta", "assistants=v2"),
    ("OpenAI-Organization", "org-1"),
    ("X-Mine", "1"),
    ("Cookie", "c=1"),
    ("Origin", "https://a.example"),
    ("Forwarded", "for=1.2.3.4"),
    ("X-Forwarded-For", "1.2.3.4"),
    ("X-Real-IP", "1.2.3.4"),
    ("CF-Connecting-IP", "1.2.3.4"),
    ("X-Scf-Secret-Key", "s"),
    ("X-Amzn-Trace-Id", "t"),
    ("X-Unknown", "1"),
    JSON,
)
_ALWAYS = {"host", "authorization", "user-agent", "idempotency-key", "x-stainless-lang", "openai-beta", "content-type"}
_ALWAYS |= {"accept-encoding", "content-length"}
# What HTTP clients send of their own accord; Node's fetch is the one with the most.
_TRANSPORT = {"connection", "accept", "accept-language", "sec-fetch-mode"}


def _names(up: Received) -> set[str]:
    return {name.lower() for name, _ in up.headers}


ANSWERED = whole(
    b"{}",
    200,
    ("x-request-id", "req_1"),
    ("openai-processing-ms", "5"),
    ("openai-organization", "org-owner"),
    ("x-ratelimit-remaining-tokens", "9"),
    ("Set-Cookie", "a=b"),
    ("Server", "cloudflare"),
    ("Strict-Transport-Security", "max-age=1"),
)

HEADERS = (
    Case(
        "headers up in pass-through",
        Ask(headers=SENT),
        OK,
        Want(up=lambda up: _names(up) - _TRANSPORT == _ALWAYS | {"openai-organization", "x-mine"}),
        settings=(("FORWARD_HEADERS", "X-Mine"),),
    ),
    Case(
        "headers up with the server's key",
        Ask(headers=(("Authorization", "Bearer pk-one"), *SENT[1:])),
        OK,
        Want(up=lambda up: _names(up) - _TRANSPORT == _ALWAYS),
        settings=BOTH,
    ),
    Case(
        "headers back in pass-through",
        Ask(),
        ANSWERED,
        Want(
            headers={
                "x-request-id": "req_1",
                "openai-processing-ms": "5",
                "openai-organization": "org-owner",
                "x-ratelimit-remaining-tokens": "9",
                "set-cookie": None,
                "strict-transport-security": None,
                "access-control-allow-origin": "*",
            }
        ),
    ),
    Case(
        "headers back with the server's key",
        Ask(headers=bearer("pk-one")),
        ANSWERED,
        Want(headers={"openai-organization": None, "openai-processing-ms": "5"}),
        settings=BOTH,
    ),
    Case(
        "preflight",
        Ask(
            "OPTIONS",
            headers=(
                ("Origin", "https://a.example"),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", "authorization,x-custom"),
                ("Access-Control-Request-Private-Network", "true"),
            ),
            body=b"",
        ),
        OK,
        Want(
            204,
            b"",
            headers={
                "access-control-allow-origin": "*",
                "access-control-allow-methods": "POST",
                "access-control-allow-headers": "authorization,x-custom",
                "access-control-allow-private-network": "true",
            },
            up=LOCAL,
        ),
        settings=SERVER_KEY,
    ),
    Case(
        "CORS for a listed origin",
        Ask(headers=(*CALLER, ("Origin", "https://b.example"))),
        OK,
        Want(headers={"access-control-allow-origin": "https://b.example", "vary": "Origin"}),
        settings=(("ALLOW_ORIGINS", "https://a.example,https://b.example"),),
    ),
    Case(
        "CORS for another origin",
        Ask(headers=(*CALLER, ("Origin", "https://evil.example"))),
        OK,
        Want(headers={"access-control-allow-origin": None, "vary": "Origin"}),
        settings=(("ALLOW_ORIGINS", "https://a.example,https://b.example"),),
    ),
    Case(
        "headers of an event stream",
        Ask(body=STREAMED),
        stream(b"data: [DONE]\n\n"),
        Want(200, b"data: [DONE]\n\n", headers={"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}),
    ),
)
