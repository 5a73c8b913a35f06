"""The ASGI adapter at its edges: start-up, settings that are wrong, WebSockets, servers of other kinds."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from proxy.adapters import asgi, asyncio_host
from tests.conftest import Serve
from tests.support.client import Connection, call
from tests.support.server import serving
from tests.support.talk import wait_for
from tests.support.upstream import CEILING, Upstream, Wait, whole

KEY = (("Authorization", "Bearer sk-caller"),)


class Session:
    """An ASGI server made of lists: what the app receives, and what it has sent."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages)
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        if not self._messages:
            await asyncio.sleep(CEILING)
        return self._messages.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def run(self, app: asgi.App, scope: dict[str, Any]) -> list[Any]:
        asyncio.run(app(scope, self.receive, self.send))
        return self.sent


def http_scope(path: str = "/v1/models", method: str = "GET") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [(b"api-key", b"k")]}


def test_a_wrong_setting_stops_start_up_with_its_sentence() -> None:
    sent = Session({"type": "lifespan.startup"}).run(asgi.App({"TIMEOUT_SECONDS": "x"}), {"type": "lifespan"})
    assert sent == [
        {"type": "lifespan.startup.failed", "message": "TIMEOUT_SECONDS must be a number between 1 and 86400."}
    ]


def test_what_counts_tokens_is_loaded_before_the_first_call_where_a_setting_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from proxy import tokens

    loaded: list[bool] = []
    monkeypatch.setattr(tokens, "load", lambda: loaded.append(True))
    for settings, is_there, times in (({"METERING": "on"}, True, 1), ({"METERING": "on"}, False, 0), ({}, True, 0)):
        loaded.clear()
        monkeypatch.setattr(tokens, "installed", lambda there=is_there: there)
        messages = ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
        Session(*messages).run(asgi.App(settings), {"type": "lifespan"})
        assert len(loaded) == times


def test_where_there_is_no_start_up_a_wrong_setting_is_a_500_that_names_it() -> None:
    sent = Session().run(asgi.App({"TIMEOUT_SECONDS": "x"}), http_scope())
    assert sent[0]["status"] == 500
    assert (b"x-should-retry", b"false") in sent[0]["headers"]
    error = json.loads(sent[1]["body"])["error"]
    assert (error["code"], error["param"]) == ("configuration_error", "TIMEOUT_SECONDS")


def test_a_browser_gets_to_see_the_sentence() -> None:
    lines: list[str] = []
    app = asgi.App({"TIMEOUT_SECONDS": "x"}, write=lines.append)
    sent = Session().run(app, http_scope(method="OPTIONS"))
    assert sent[0]["status"] == 204
    assert (b"access-control-allow-origin", b"*") in sent[0]["headers"]
    sent = Session().run(app, http_scope())
    headers = dict(sent[0]["headers"])
    assert headers[b"access-control-allow-origin"] == b"*"
    assert json.loads(lines[-1])["request_id"] == headers[b"x-sluice-request-id"].decode()


def test_start_up_and_shut_down() -> None:
    messages = ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    sent = Session(*messages).run(asgi.App({"OPENAI_API_KEY": "k", "PROXY_KEY": "p"}), {"type": "lifespan"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    sent = Session({"type": "lifespan.shutdown"}).run(asgi.App({}), {"type": "lifespan"})
    assert [message["type"] for message in sent] == ["lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/responses", 426, "websocket_not_offered"),
        ("/v1/realtime", 501, "not_offered"),
        ("/nothing", 404, "unknown_path"),
    ],
)
def test_a_websocket_is_answered_with_a_status_where_the_server_can(path: str, status: int, code: str) -> None:
    scope: dict[str, Any] = {"type": "websocket", "path": path, "extensions": {"websocket.http.response": {}}}
    sent = Session({"type": "websocket.connect"}).run(asgi.App({}), scope)
    assert (sent[0]["status"], json.loads(sent[1]["body"])["error"]["code"]) == (status, code)
    assert ((b"upgrade", b"HTTP/1.1") in sent[0]["headers"]) == (status == 426)
    assert {b"access-control-allow-origin", b"x-sluice-request-id"} <= {name for name, _ in sent[0]["headers"]}
    sent = Session({"type": "websocket.connect"}).run(asgi.App({}), {"type": "websocket", "path": path})
    assert sent == [{"type": "websocket.close", "code": 1003}]


def test_an_unknown_kind_of_scope_is_ignored() -> None:
    assert Session().run(asgi.App({}), {"type": "something-new"}) == []


def test_a_caller_who_leaves_within_its_request_is_noticed() -> None:
    lines: list[str] = []
    messages = ({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"})
    app = asgi.App({}, write=lines.append)
    Session(*messages).run(app, http_scope("/v1/chat/completions", "POST"))
    assert json.loads(lines[-1])["ending"] == "client_disconnected"


def test_a_cancelled_server_task_stays_cancelled() -> None:
    async def go() -> None:
        session = Session({"type": "http.request"})
        app = asgi.App({"DEMO": "1"}, write=lambda _: None)
        scope = http_scope("/v1/chat/completions", "POST")

        async def receive() -> dict[str, Any]:
            message = await session.receive()
            message["body"] = b'{"model":"demo-silent","stream":true}'
            return message

        task = asyncio.ensure_future(app(scope, receive, session.send))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())


def test_lines_go_to_standard_output_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio_host.write_line('{"a":1}')
    assert capsys.readouterr().out == '{"a":1}\n'


def test_the_entry_point_is_the_app() -> None:
    import handler

    assert isinstance(handler.app, asgi.App)


def test_ids_differ() -> None:
    assert len({asyncio_host.new_id() for _ in range(100)}) == 100


def test_the_pure_python_server_relays_as_well(upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}'))
    with serving("h11", OPENAI_BASE_URL=upstream.url) as server:
        assert call(server.port, "GET", "/v1/models/a%2Fb", KEY).body == b'{"ok":1}'
        assert upstream.received[0].target == "/v1/models/a%2Fb"


def test_a_body_is_not_asked_for_before_the_caller_is_accepted(upstream: Upstream, serve: Serve) -> None:
    """`Expect: 100-continue` shows it: the server sends 100 when the app wants the body."""
    connection = Connection(serve().port)
    fields = (("Expect", "100-continue"), ("Content-Length", "1000"))
    connection.send("POST", "/v1/chat/completions", fields)
    assert connection.head().status == 401
    connection.close()
    connection = Connection(serve().port)
    connection.send("POST", "/v1/chat/completions", (*KEY, *fields))
    assert connection.head().status == 100
    connection.close()


def test_leaving_while_readyz_asks_the_upstream_cancels_that(upstream: Upstream, serve: Serve) -> None:
    upstream.play((Wait(),))
    connection = Connection(serve().port)
    connection.send("GET", "/readyz?deep=1", KEY)
    wait_for(lambda: len(upstream.received) == 1)
    connection.close()
    assert upstream.gone.wait(CEILING)


def test_a_head_request_has_no_body(upstream: Upstream, serve: Serve) -> None:
    from tests.support.upstream import head

    upstream.play((head(200, ("Content-Type", "application/json"), ("Content-Length", "400")),))
    result = call(serve().port, "HEAD", "/v1/models", KEY)
    assert (result.status, result.header("content-length"), result.body) == (200, "400", b"")


def test_answers_without_a_body_have_none(upstream: Upstream, serve: Serve) -> None:
    from tests.support.upstream import head

    upstream.play((head(204),))
    assert call(serve().port, "DELETE", "/v1/files/x", KEY).status == 204


def test_the_origin_of_the_page_follows_the_caller(serve: Serve) -> None:
    port = serve().port
    assert f"http://127.0.0.1:{port}/v1".encode() in call(port, "GET", "/", (("Host", f"127.0.0.1:{port}"),)).body
    asked = (("Host", "x.example"), ("X-Forwarded-Proto", "https,http"))
    assert b">https://x.example/release/v1</code>" in call(port, "GET", "/release/v1", asked).body
    page = call(port, "GET", "/", (("Host", '"><script>'),)).body
    assert b'"><script>' not in page and b"this-address/v1" in page
