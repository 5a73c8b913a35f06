"""The header allow-lists and CORS, for arbitrary headers."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy import startup
from proxy.access import headers
from proxy.messages import Headers
from tests.support.paths import ROOT

CONFIG = startup.load({})
NAME = st.sampled_from(
    "authorization cookie host content-length transfer-encoding connection x-scf-secret-key cf-ray x-amzn-trace-id "
    "x-fc-security-token x-real-ip forwarded x-forwarded-for x-vercel-id content-type user-agent x-stainless-os "
    "x-ms-token-aad-id-token openai-organization api-key".split()
) | st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
PAIRS = st.lists(st.tuples(NAME, st.text(max_size=12)), max_size=12)
FORBIDDEN = {"authorization", "cookie", "host", "content-length", "transfer-encoding", "connection", "api-key"}
FORBIDDEN_STARTS = ("x-scf-", "x-fc-", "cf-", "x-amzn-", "x-forwarded-", "x-real-", "x-vercel-", "x-ms-token-")


@given(PAIRS, st.booleans(), st.booleans())
def test_only_what_is_allowed_goes_up_and_no_value_can_break_a_line(
    pairs: list[tuple[str, str]], own_key: bool, streamed: bool
) -> None:
    up = headers.upward(Headers(pairs), CONFIG, own_key, streamed)
    names = {name for name, _ in up}
    assert not names & FORBIDDEN
    assert not [name for name in names if name.startswith(FORBIDDEN_STARTS)]
    assert own_key or "openai-organization" not in names
    assert not [value for _, value in up if set(value) & set("\r\n\0")]
    assert [value for name, value in up if name == "accept-encoding"] == [dict(up)["accept-encoding"]]
    for _, value in up:
        value.encode("latin-1")
    if streamed:
        assert ("accept-encoding", "identity") in up


@given(PAIRS, st.booleans())
def test_only_what_is_allowed_comes_back(pairs: list[tuple[str, str]], own_key: bool) -> None:
    names = {name for name, _ in headers.downward(Headers(pairs), own_key)}
    assert not names & (FORBIDDEN | {"set-cookie", "server"})


def test_headers_keep_their_order_and_repetitions() -> None:
    original = Headers([("A", "1"), ("b", "2"), ("a", "3")])
    assert list(original) == [("a", "1"), ("b", "2"), ("a", "3")]
    assert original.get("a") == "1" and original.get("c", "x") == "x"
    original.set("a", "9")
    original.add("d", "4")
    original.set("e", "5")
    assert list(original) == [("b", "2"), ("a", "9"), ("d", "4"), ("e", "5")]
    assert original.get("a") == "9" and original.get("e") == "5"


def test_a_repr_never_shows_a_value() -> None:
    assert repr(Headers([("Authorization", "Bearer secret")])) == "Headers(authorization)"


def test_a_preflight_that_asks_for_nothing_gets_the_usual_methods() -> None:
    assert "POST" in (headers.preflight(Headers()).get("access-control-allow-methods") or "")
    requested = Headers([("access-control-request-headers", "a\r\nevil: 1")])
    assert "access-control-allow-headers" not in headers.preflight(requested)


def test_families_of_headers_are_exposed_when_they_occur() -> None:
    reply = Headers([("x-ratelimit-limit-images", "1"), ("openai-model", "m")])
    headers.cors(reply, Headers(), CONFIG)
    exposed = reply.get("access-control-expose-headers") or ""
    assert "openai-model" in exposed and "x-ratelimit-limit-images" in exposed and "x-request-id" in exposed


def test_pages_of_other_origins_may_read_every_header_of_ours() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "proxy").rglob("*.py")]
    ours = {name for source in sources for name in re.findall(r'"(x-sluice-[a-z-]*[a-z])"', source)}
    assert len(ours) > 8 and ours <= headers._EXPOSED_NAMES
