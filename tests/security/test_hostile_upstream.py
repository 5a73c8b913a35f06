"""An upstream that means harm: what it says cannot break a head, a server or a log line, nor lead us elsewhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access import headers
from proxy.messages import Headers
from tests.conftest import Serve
from tests.support.client import call
from tests.support.core import SSE, Listed, error_of, request, run
from tests.support.hostile import ANYTHING, check_headers, check_lines, times
from tests.support.talk import CHAT, KEY, PLAIN
from tests.support.upstream import Cut, Upstream, chunk, head, whole

JSON = (("content-type", "application/json"),)
EVERYTHING = {"METERING": "header,comment", "ASSEMBLE": "always", "LOG_LEVEL": "debug"}
NAMES = st.sampled_from(
    "content-type content-encoding content-length content-disposition location etag x-request-id retry-after "
    "openai-model x-ratelimit-reset set-cookie transfer-encoding access-control-allow-origin "
    "x-sluice-request-id".split()
) | st.from_regex(r"openai-[a-z\r\n:]{0,4}", fullmatch=True)
VALUES = st.text(max_size=10) | st.sampled_from(
    [
        "text/event-stream",
        "application/json",
        "gzip",
        "br",
        "identity",
        "5",
        "-1",
        "9" * 20,
        "a\r\nset-cookie: x=1",
        "\0",
        "字",
    ]
)
CHUNKS = st.one_of(
    st.dictionaries(
        st.sampled_from("id model choices usage error object type sequence_number response x".split()),
        ANYTHING,
        max_size=4,
    ),
    st.builds(
        lambda index, delta, finish: {
            "id": "c",
            "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
        },
        st.integers(-(10**12), 10**12) | ANYTHING,
        st.dictionaries(st.sampled_from("role content tool_calls function_call audio x".split()), ANYTHING, max_size=3),
        ANYTHING,
    ),
)
EVENTS = st.one_of(
    CHUNKS.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
    st.sampled_from(
        [b"data: [DONE]\n\n", b"data: {\n\n", b"event: error\ndata: {}\n\n", b"\r\r", b": x\n", b"id: 1\r\n\r\n"]
    ),
    st.sampled_from(
        [b'data: {"choices":[{"index":0,"delta":' + b'{"a":' * 3_000 + b"1" + b"}" * 3_003 + b"]}\n\n"] * 2
    ),
    st.binary(max_size=12),
)


@times(600)
@given(
    st.integers(200, 999) | st.just(200),
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.sampled_from([SSE, SSE, JSON]),
    st.lists(EVENTS, max_size=5),
    st.sampled_from([{}, EVERYTHING]),
    st.sampled_from(["/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/files"]),
    st.sampled_from([b'{"model":"gpt-4o-mini","stream":true}', b'{"model":"gpt-4o-mini"}']),
)
def test_whatever_an_upstream_says_becomes_an_answer(
    status: int,
    fields: list[tuple[str, str]],
    kind: tuple[tuple[str, str], ...],
    events: list[bytes],
    settings: dict[str, str],
    path: str,
    body: bytes,
) -> None:
    lines: list[str] = []
    upstream = Listed(*events, headers=(*kind, *fields), status=status)
    reply, pieces = run(upstream, request(path, body), lines, settings=settings)
    assert 100 <= reply.status <= 599
    check_lines(lines)
    check_headers(list(reply.headers))
    assert "set-cookie" not in reply.headers and "transfer-encoding" not in reply.headers
    assert (
        reply.headers.get("x-sluice-request-id") == "sl_1" and reply.headers.get("access-control-allow-origin") == "*"
    )
    if "content-length" in reply.headers:
        assert int(reply.headers.get("content-length") or "") == len(b"".join(pieces)) or status in (204, 304)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.booleans())
def test_no_value_of_an_upstream_s_can_end_a_line(pairs: list[tuple[str, str]], own_key: bool) -> None:
    check_headers(headers.downward(Headers(pairs), own_key))


@pytest.mark.parametrize("status", [600, 999])
def test_a_status_that_is_none_becomes_a_502(status: int) -> None:
    lines: list[str] = []
    upstream = Listed(b"{}", headers=JSON, status=status)
    reply, _ = run(upstream, lines=lines)
    assert (reply.status, error_of(reply)["code"]) == (502, "upstream_malformed")
    assert upstream.body.closed
    assert check_lines(lines)["upstream_status"] == status


@pytest.mark.parametrize("http", ["httptools", "httpx"])
@pytest.mark.parametrize(
    "answer",
    [
        head(999, ("Content-Length", "2")) + b"{}",
        head(200, ("Content-Length", "2"), ("X-Request-Id", "a\x01\x1b[2J"), ("Location", "/\x7f")) + b"{}",
        head(200, ("Content-Length", "2"), *((f"x-ratelimit-{i}", "x" * 50) for i in range(900))) + b"{}",
        head(200, ("Content-Length", "2"), ("X-Request-Id", "x" * 200_000)) + b"{}",
        head(302, ("Content-Length", "0"), ("Location", "http://127.0.0.1:1/evil")),
        head(200, ("Content-Length", "2"), ("Content-Length", "20")) + b"{}",
        head(200, ("Transfer-Encoding", "chunked"), ("Content-Length", "2")) + b"ffffffffffffffff\r\n{}",
        head(200, ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")) + chunk(b"data: \xff\n\n"),
        b"HTTP/1.1 200 OK\r\nX-Request-Id: a\rSet-Cookie: x\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Request-Id: a\r\n Set-Cookie: x\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Request-Id: a\nContent-Length: 2\n\n{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 500 + b"HTTP/1.1 101 Up\r\n\r\n",
    ],
    ids=lambda answer: answer[:40].decode("latin-1").split("\r")[0] if isinstance(answer, bytes) else answer,
)
def test_a_server_lives_on_behind_such_an_upstream(http: str, answer: bytes, upstream: Upstream, serve: Serve) -> None:
    """Over real sockets, with both engines: an answer or a broken one comes, and the next call gets its own."""
    engine = {"UPSTREAM_ENGINE": "httpx"} if http == "httpx" else {}
    server = serve(**engine)
    # The connection is closed behind it, or the rest of an unfinished answer would be waited for.
    upstream.play((answer, Cut()), whole(b'{"ok":1}'))
    result = call(server.port, "POST", "/v1/chat/completions", KEY, CHAT)
    assert 200 <= result.status <= 502 and b"evil" not in result.body
    assert result.header("set-cookie") is None
    assert not [value for _, value in result.headers if set(value) & set("\0\r\n\x1b\x01\x7f")]
    after = call(server.port, "POST", "/v1/chat/completions", KEY, PLAIN)
    assert (after.status, after.body) == (200, b'{"ok":1}')
    assert len(upstream.received) == 2  # a Location is not followed, a broken answer not asked for again
