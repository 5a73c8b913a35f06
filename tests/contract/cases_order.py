"""The contract: which key of a pool a conversation goes to. The same on every platform, since the order is a hash."""

from __future__ import annotations

from tests.contract.case import Ask, Case, Want
from tests.contract.parts import OK, bearer, goes_up_with

_POOL = (("OPENAI_API_KEY", "sk-1,sk-2,sk-3,sk-4"), ("PROXY_KEY", "pk-one"))
_TURN = b'{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi"},{"role":"user","content":"Why?"}'
_FIRST = b'{"model":"m","messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"Hello"}]}'


def _goes_to(name: str, key: str, body: bytes, *session: tuple[str, str], path: str = "/v1/chat/completions") -> Case:
    ask = Ask(path=path, headers=(*bearer("pk-one"), *session), body=body)
    return Case(f"order: {name}", ask, OK, Want(200, up=goes_up_with(key)), settings=_POOL)


ORDER = (
    _goes_to("a cache key", "sk-1", b'{"model":"m","messages":[],"prompt_cache_key":"conversation-1"}'),
    _goes_to("a cache key before a session", "sk-1", b'{"prompt_cache_key":"conversation-1"}', ("session-id", "s-1")),
    _goes_to("a session before the text", "sk-4", _FIRST, ("Session-Id", "s-1")),
    _goes_to(
        "a session's second turn", "sk-4", b'{"model":"m","input":"Why?"}', ("session-id", "s-1"), path="/responses"
    ),
    _goes_to("a conversation's first turn", "sk-2", _FIRST),
    _goes_to(
        "a conversation's second turn",
        "sk-2",
        b'{"model":"m","messages":[{"role":"system","content":"You are terse."},' + _TURN + b"]}",
    ),
)
