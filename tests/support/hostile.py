"""Hostile inputs for hypothesis, and what every answer must be all the same: for the tests under tests/security."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from proxy.upstream import Answer, Outgoing
from tests.support.core import Listed

# Always the same inputs: a run that fails fails again, and a run that passes says the same on every machine.
DERANDOMIZED = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
}


def times(count: int) -> settings:
    """So many inputs, the same in each run; where the profile has fewer than hypothesis's 100, fewer in proportion."""
    share = count * settings.default.max_examples // 100  # type: ignore[union-attr]
    return settings(max_examples=share, **DERANDOMIZED)  # type: ignore[arg-type]


class Always:
    """An upstream for a whole app, which says the same to everybody."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def warm(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""

    async def send(self, outgoing: Outgoing) -> Answer:
        self.sent.append(outgoing)
        return await Listed(b'{"ok":1}', headers=(("content-type", "application/json"),)).send(outgoing)


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The odd one in a fifth of all cases: where everything is odd at once, only the first refusal is ever tried."""
    return st.integers(0, 4).flatmap(lambda number: odd if number == 4 else usual)


SEGMENTS = st.one_of(
    st.sampled_from(
        "v1 V1 v1. release prod chat completions responses models files embeddings audio images batches organization "
        "input_tokens healthz readyz . .. ... .%2e %2e%2e %2E. %252e%252e %25252e.. ..; ..;x=1 ..%3b ..%00 ..%20 %20.. "
        "..%3f ..%23 ..%2f ..%5c ..\\ %c0%ae%c0%ae %e0%80%ae%e0%80%ae %f0%80%80%ae. %2f %2F%2F %5c http: HTTPS: "
        "https:%2f%2fevil.example evil.example evil.example:80 @evil.example user:pw@evil.example %04%7F %0d%0a %00 "
        "%u002e ; ;x ? # %23 %3F * ~ $default wp-login.php".split()
    ),
    st.text(alphabet="./\\%;25eEfFcC0aA:@?#v1", max_size=8),
    st.text(max_size=3),
)
PATHS = st.lists(SEGMENTS, max_size=7).map(lambda parts: "/" + "/".join(parts))
QUERIES = st.sampled_from(
    ["", "deep=1", "stream=true", "key=sk-canary", "a=b&a=c", "?x", "%00", "\r\nx: y", "a b"]
) | st.text(max_size=6)
METHODS = st.sampled_from(
    ["GET", "POST", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS", "CONNECT", "TRACE", "get", "", "G E", "X\r\nY", "É"]
)
NAMES = st.sampled_from(
    "authorization api-key x-api-key content-type content-length content-encoding transfer-encoding connection upgrade "
    "expect host accept accept-encoding origin range user-agent idempotency-key access-control-request-headers "
    "access-control-request-method x-forwarded-host x-forwarded-proto x-forwarded-for x-original-url x-rewrite-url "
    "x-http-method-override x-scf-timeout x-scf-region x-scf-secret-key forwarded cookie x-stainless-a te".split()
) | st.from_regex(r"x-stainless-[a-z\r\n: é中]{0,6}", fullmatch=True)
VALUES = st.sampled_from(
    [
        "", "Bearer", "Bearer sk-caller", "Bearer pk-one", "Bearer :", "Bearer a:b:pk-one", "pk-one", "\ud83d", "字",
        "application/json", "application/json; charset=utf-16", "text/plain", "multipart/form-data; boundary=x", "gzip",
        "chunked", "websocket", "100-continue", "0", "5", "-1", "+5", "0x5", "9" * 30, "1, 2", "null", "https://evil.example",
        "evil.example", "a\r\nx-evil: 1", "a\nb", "a\0b", "\x1b[2J", "x" * 70_000,
    ]
) | st.text(max_size=8)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from([10**400, "true", "\ud83d"]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    "model stream n best_of messages input prompt stream_options modalities audio moderation moderation_level "
    "truncation max_tokens max_completion_tokens max_output_tokens service_tier tools response_format x".split()
)
LIKELY = st.sampled_from(
    [
        "gpt-4o-mini", "demo", "gpt-4o", True, False, 1, 0, -1, 10**30, "auto", {"include_usage": True}, [], {}, None,
        "text",
        [{"role": "user", "content": "x"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
        [{"role": "tool", "content": None}, None, 5], [{"type": "function", "function": {"parameters": {"$ref": "#"}}}],
    ]
)  # fmt: skip
DEEP = st.sampled_from(
    [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 990 + b"]" * 990, b'{"model":' * 5_000 + b"1" + b"}" * 5_000]
)


def _encoded(pairs: Sequence[tuple[str, Any]], how: str) -> bytes:
    """An object with these members, names twice where they are there twice."""
    text = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"
    return text.encode(how)


OBJECTS = st.builds(
    _encoded,
    st.lists(st.tuples(MEMBERS, LIKELY | ANYTHING), max_size=6),
    st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
BODIES = OBJECTS | ANYTHING.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20) | DEEP
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5)


def check_error(status: int, kind: str | None, body: bytes) -> None:
    """An error is OpenAI's, with all four members, and none of ours is a 500."""
    assert 100 <= status <= 599
    assert status != 500, body
    if status >= 400 and body:
        assert (kind or "").startswith("application/json"), (status, kind, body[:200])
        error = json.loads(body)["error"]
        assert set(error) >= {"message", "type", "param", "code"}, error
        assert isinstance(error["message"], str) and error["message"]


def check_headers(pairs: Sequence[tuple[str, str]]) -> None:
    """Nothing in a head can end a line early, or be anything but Latin-1."""
    for name, value in pairs:
        assert not set(name + value) & set("\r\n\0"), (name, value)
        (name + value).encode("latin-1")


def check_lines(lines: Sequence[str]) -> dict[str, Any]:
    """Exactly one line for a call, in one line of ASCII JSON, and no crash among what else was written."""
    told = [json.loads(line) for line in lines]
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert not [one for one in told if one.get("event") == "crash"], told
    ends = [one for one in told if "ending" in one or "status" in one]
    assert len(ends) == 1, told
    found: dict[str, Any] = ends[0]
    return found
