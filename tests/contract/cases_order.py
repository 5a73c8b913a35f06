"""The contract: which key of a pool a conversation goes to, on every platform, and which refusals move it on."""

from __future__ import annotations

from tests.contract.parts import OK, bearer, goes_up_with
from tests.support.case import Ask, Case, Want
from tests.support.upstream import whole

_POOL = (("OPENAI_API_KEY", "sk-1,sk-2,sk-3,sk-4"), ("PROXY_KEY", "pk-one"))
_TURN = b'{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi"},{"role":"user","content":"Why?"}'
_FIRST = b'{"model":"m","messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"Hello"}]}'

# Pools of their own, since refused keys rest.
_TWO = (("OPENAI_API_KEY", "sk-dead,sk-good"), ("PROXY_KEY", "pk-one"))


def _moves_on(name: str, refusal: bytes, status: int = 400) -> Case:
    want = Want(200, b'{"ok":1}', up=lambda up: up.header("authorization") in ("Bearer sk-dead", "Bearer sk-good"))
    return Case(f"order: {name}", Ask(headers=bearer("pk-one")), OK, want, frozenset(), _TWO, (whole(refusal, status),))


def _stays(name: str, refusal: bytes, status: int) -> Case:
    want = Want(status, refusal, up=lambda up: True)
    return Case(f"order: {name}", Ask(headers=bearer("pk-one")), whole(refusal, status), want, settings=_TWO)


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
    _moves_on(
        "an invalid key of Gemini",
        b'[{"error":{"code":400,"message":"API key not valid. Please pass a valid one.","status":"INVALID_ARGUMENT",'
        b'"details":[{"reason":"API_KEY_INVALID"}]}}]',
    ),
    _moves_on("an account in arrears", b'{"error":{"message":"Access denied.","type":"Arrearage","code":"Arrearage"}}'),
    _moves_on(
        "an account without credit",
        b'{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access '
        b'the Anthropic API."}}',
    ),
    _moves_on("a key of xAI", b'{"code":"x","error":"Incorrect API key provided: xa***Q6. You can obtain one."}'),
    _stays("a region", b'{"error":{"message":"no","code":"unsupported_country_region_territory"}}', 403),
    _stays("a fault of the request", b'{"error":{"message":"Invalid value.","code":"invalid_value"}}', 400),
)
