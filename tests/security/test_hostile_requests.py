"""relay() and the ASGI app, called with whatever hypothesis thinks of: an answer always, one log line, no 500."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.asgi import App
from proxy.messages import Headers, Request
from proxy.upstream import Outgoing
from tests.support.core import SSE, Listed, error_of, request, run
from tests.support.hostile import (
    BODIES,
    HEADERS,
    METHODS,
    OBJECTS,
    PATHS,
    QUERIES,
    Always,
    check_error,
    check_headers,
    check_lines,
    mostly,
    times,
)
from tests.support.upstream import CEILING

JSON = (("content-type", "application/json"),)
TEXT = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
EVERYTHING = {
    "METERING": "header,comment",
    "CONTEXT_GUARD": "truncate",
    "MAX_COST_USD": "1",
    "MAX_OUTPUT_TOKENS": "1000",
    "ASSEMBLE": "always",
    "LOG_LEVEL": "debug",
}
SETTINGS = st.sampled_from(
    [
        {},
        EVERYTHING,
        {"PROXY_KEY": "pk-one"},
        {"PROXY_KEY": "pk-one", "OPENAI_API_KEY": "sk-server", **EVERYTHING},
        {"OPENAI_API_KEY": "sk-server"},
        {"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1", "ALLOW_PATHS": "files", **EVERYTHING},
        {"ALLOW_ORIGINS": "https://good.example", "FORWARD_HEADERS": "x-original-url", "MAX_BODY_MB": "0.001"},
    ]
)
USUAL_PATHS = st.sampled_from(
    "/v1/chat/completions /v1/responses /v1/completions /v1/chat/completions/input_tokens /v1/models "
    "/v1/files /".split()
)
LET_IN = st.sampled_from([(("authorization", "Bearer pk-one"),), (("api-key", "sk-caller:pk-one"),)])
OURS = frozenset(
    "authorization api-key x-api-key cookie host content-length transfer-encoding x-scf-secret-key".split()
)
UPSTREAMS = st.sampled_from(
    [(JSON, (b'{"model":"m","usage":{"prompt_tokens":1}}',)), (SSE, (TEXT, b"data: [DONE]\n\n"))]
)


def check_up(sent: list[Outgoing], settings: dict[str, str]) -> None:
    """What would stand on the wire: one request, no line in it that is not ours."""
    assert len(sent) <= 2  # a refused edit is asked once more
    for up in sent:
        check_headers(up.headers)
        line = f"{up.method} {up.path} {up.query}"
        assert line.isascii() and line.count(" ") == 2 and line.isprintable(), line
        assert "OPENAI_API_KEY" not in settings or up.target.key == "sk-server"
        assert "PROXY_KEY" not in settings or "pk-one" not in up.target.key
        names = [name for name, _ in up.headers]
        assert not OURS & set(names) and names.count("accept-encoding") == 1


@times(1_000)
@given(
    mostly(st.just("POST"), METHODS),
    mostly(USUAL_PATHS, PATHS),
    mostly(st.just(""), QUERIES),
    mostly(LET_IN, st.just(())),
    HEADERS,
    mostly(OBJECTS, BODIES),
    SETTINGS,
    UPSTREAMS,
)
def test_relay_answers_whatever_comes(
    method: str,
    path: str,
    query: str,
    first: tuple[tuple[str, str], ...],
    more: list[tuple[str, str]],
    body: bytes,
    settings: dict[str, str],
    answers: tuple[Any, tuple[bytes, ...]],
) -> None:
    lines: list[str] = []
    upstream = Listed(*answers[1], headers=answers[0])
    reply, pieces = run(
        upstream, Request(method, path, query, Headers([*first, *more]), body), lines, settings=settings
    )
    line = check_lines(lines)
    assert line["status"] == reply.status
    check_error(reply.status, reply.headers.get("content-type"), b"".join(pieces))
    check_headers(list(reply.headers))
    check_up(upstream.sent, settings)
    assert reply.headers.get("access-control-allow-origin") or "ALLOW_ORIGINS" in settings


RAW = st.binary(max_size=12)
RAW_HEADERS = st.lists(
    st.tuples(
        mostly(st.sampled_from([b"content-length", b"X-Stainless-\xff", b"host", b"upgrade", b"Accept"]), RAW),
        mostly(st.sampled_from([b"Bearer sk-caller", b"websocket", b"5", b"\xe5\xad\x97"]), RAW),
    ),
    max_size=4,
).flatmap(lambda more: st.sampled_from([more, [(b"Authorization", b"Bearer sk-caller:pk-one"), *more]]))
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda body, more: {"type": "http.request", "body": body, "more_body": more}, BODIES, st.booleans()),
        st.just({"type": "http.request"}),
        st.just({"type": "http.disconnect"}),
    ),
    max_size=4,
)
SCOPES = st.fixed_dictionaries(
    {
        "type": st.just("http"),
        "method": mostly(st.just("POST"), METHODS),
        "path": mostly(USUAL_PATHS, PATHS),
        "query_string": mostly(st.just(b""), RAW),
        "headers": RAW_HEADERS,
    },
    optional={
        "raw_path": mostly(st.none(), RAW | PATHS.map(lambda path: path.encode("utf-8", "surrogatepass"))),
        "scheme": st.text(max_size=3),
        "client": st.none(),
        "extensions": st.none(),
    },
)


async def play(app: App, scope: dict[str, Any], messages: list[dict[str, Any]], fails_at: int) -> list[Any]:
    """Run one call; from its `fails_at`-th message on the server cannot send any more."""
    left = list(messages)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if len(sent) >= fails_at:
            raise OSError("the connection is gone")
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), CEILING)
    return sent


@times(600)
@given(SCOPES, MESSAGES, st.sampled_from([99, 99, 99, 0, 1]))
def test_the_asgi_app_never_raises(scope: dict[str, Any], messages: list[dict[str, Any]], fails_at: int) -> None:
    lines: list[str] = []
    upstream = Always()
    app = App({"PROXY_KEY": "pk-one", **EVERYTHING}, upstream, lines.append)
    sent = asyncio.run(play(app, scope, messages, fails_at))
    check_lines(lines)
    if fails_at == 99:
        assert [message["type"] for message in sent][:2] == ["http.response.start", "http.response.body"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
        check_headers(list(headers.items()))
        body = b"".join(message["body"] for message in sent[1:])
        check_error(sent[0]["status"], headers.get("content-type"), body)
        assert not sent[-1].get("more_body")


@pytest.mark.parametrize("settings", [{"PROXY_KEY": "pk-one"}, {"PROXY_KEY": "pk-one", "OPENAI_API_KEY": "sk-server"}])
@pytest.mark.parametrize("sent", ["\ud83d", "pk-one\ud83d", "sk-caller:\ud83d", "pk\ud83done"])
def test_half_a_character_is_no_key(sent: str, settings: dict[str, str]) -> None:
    reply, _ = run(Listed(b"{}"), request(headers=(("authorization", f"Bearer {sent}"),)), settings=settings)
    assert (reply.status, error_of(reply)["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "name", ["x-stainless-a\r\nevil", "x-stainless-a: b", "x-stainless-字", "x-stainless- ", "x-stainless-\0"]
)
def test_a_header_whose_name_is_none_stays_behind(name: str) -> None:
    upstream = Listed(b"{}", headers=JSON)
    reply, _ = run(
        upstream, request(headers=(("authorization", "Bearer sk-caller"), (name, "1"), ("x-stainless-b", "2")))
    )
    assert reply.status == 200
    assert [pair for pair in upstream.sent[0].headers if "stainless" in pair[0]] == [("x-stainless-b", "2")]
