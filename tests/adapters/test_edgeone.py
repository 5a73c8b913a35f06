"""EdgeOne's function: what the runtime asks, adds and takes. test_edgeone_build.py has the runtime itself."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from proxy.adapters.edgeone import EdgeOneApp
from proxy.errors import ConfigError
from proxy.messages import Headers, Request
from tests.conftest import Serve
from tests.support.client import call
from tests.support.edgeone import ADDED
from tests.support.talk import KEY
from tests.support.upstream import SSE_HEAD, Upstream, Wait, chunk, whole

TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


def test_what_the_platform_adds_goes_neither_up_nor_into_the_log(upstream: Upstream, serve: Serve) -> None:
    upstream.play(whole(b"{}"))
    server = serve(EdgeOneApp)
    result = call(server.port, "POST", "/v1/chat/completions", (*KEY, *ADDED), b"{}")
    assert result.status == 200 and server.line(result.header("x-sluice-request-id"))
    sent = {name.lower() for name, _ in upstream.received[0].headers}
    assert not sent & {name.lower() for name, _ in ADDED}
    assert not [line for line in server.raw_lines if "canary" in line or "192.0.2.7" in line]


def test_no_setting_lets_the_platform_s_headers_through() -> None:
    with pytest.raises(ConfigError, match="FORWARD_HEADERS"):
        EdgeOneApp({"FORWARD_HEADERS": "eo-connecting-ip"}, write=lambda _: None).start()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("60000", 60.0), ("120000", 120.0)),
        *((value, 120.0) for value in (None, "", "x", "-1", "1.5", "9" * 20, "\u0663")),
    ],
)
def test_the_deadline_is_scf_s_or_else_what_edgeone_json_says(value: str | None, seconds: float) -> None:
    request = Request("GET", "/", "", Headers([("x-scf-timeout", value)] if value is not None else []))
    EdgeOneApp({}, write=lambda _: None).adapt_request(request)
    assert request.deadline == seconds


def test_a_stream_ends_properly_before_the_platform_cuts_it(upstream: Upstream, serve: Serve) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    asked = (*KEY, ("X-Scf-Timeout", "5000"))
    result = call(serve(EdgeOneApp).port, "POST", "/v1/chat/completions", asked, b'{"stream":true}')
    assert result.body.endswith(b"data: [DONE]\n\n") and b'"finish_reason":"length"' in result.body


def test_a_request_above_the_platform_s_limit_is_refused(upstream: Upstream, serve: Serve) -> None:
    result = call(serve(EdgeOneApp, MAX_BODY_MB="50").port, "POST", "/v1/files", KEY, b"x" * 6_000_001)
    assert result.status == 413 and "6 MB" in result.json()["error"]["message"]


def test_headers_stay_within_scf_s_limit_with_those_that_the_runtime_adds(upstream: Upstream, serve: Serve) -> None:
    upstream.play(whole(b"{}", 200, *((f"openai-{i}", "v" * 60) for i in range(90)), ("x-request-id", "req_1")))
    result = call(serve(EdgeOneApp).port, "GET", "/v1/models", KEY)
    assert sum(len(name) + len(value) for name, value in result.headers) <= 4096 - 256
    assert {"x-request-id", "x-sluice-request-id"} <= {name for name, _ in result.headers}


def asked_twice(app: EdgeOneApp, path: str, again: str) -> list[list[dict[str, Any]]]:
    """What the app sends to the runtime's two questions, which come in one task."""

    async def ask(path: str) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        unread = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not unread:
                await asyncio.Event().wait()  # the caller stays; any further message would say that it has left
            return unread.pop()

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(dict(message))

        headers = [(b"authorization", b"Bearer sk-caller"), (b"host", b"sluice.example.com")]
        scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode()}
        await app({**scope, "query_string": b"", "headers": headers, "client": None}, receive, send)
        return sent

    async def both() -> list[list[dict[str, Any]]]:
        answers = [await ask(path), await ask(again)]
        await app.aclose()
        return answers

    return asyncio.run(both())


def test_where_the_runtime_asks_a_second_time_nothing_goes_up_again(upstream: Upstream) -> None:
    upstream.play(whole(b'{"error":{"message":"No such model."}}', 404))
    app = EdgeOneApp({"OPENAI_BASE_URL": upstream.url, "LOG_LEVEL": "off"})
    first, second = asked_twice(app, "/v1/models/x", "/v1/models/x/")
    assert first[0]["status"] == second[0]["status"] == 404 and len(upstream.received) == 1
    assert b"No such model." in b"".join(message.get("body", b"") for message in first)
    assert [message.get("body") for message in second[1:]] == [b""]


@pytest.mark.parametrize(("status", "again"), [(200, "/v1/models/x/"), (404, "/v1/models/y/"), (404, "/v1/models/x")])
def test_any_other_question_is_one_of_its_own(upstream: Upstream, status: int, again: str) -> None:
    upstream.play(whole(b"{}", status))
    app = EdgeOneApp({"OPENAI_BASE_URL": upstream.url, "LOG_LEVEL": "off"})
    asked_twice(app, "/v1/models/x", again)
    assert len(upstream.received) == 2
