"""The streaming function inside this process: the Runtime API's protocol, events of every kind, broken starts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from proxy.adapters import aws_stream
from proxy.adapters.aws_runtime import RuntimeApi, RuntimeApiError
from proxy.adapters.aws_stream import StreamFunction, prelude
from proxy.cli.lambda_simulator import Invocation, RuntimeApiServer
from proxy.messages import Headers, Reply
from tests.support.events import recorded
from tests.support.paths import ROOT
from tests.support.talk import until
from tests.support.upstream import CEILING, SSE_HEAD, Sleep, Upstream, Wait, chunk, stream, whole

KEY = (("Authorization", "Bearer sk-caller"), ("Content-Type", "application/json"))
TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
STREAMED = b'{"model":"m","stream":true}'
T = TypeVar("T")


def with_api(go: Callable[[RuntimeApiServer, RuntimeApi], Awaitable[T]]) -> T:
    """Run something against a Runtime API in this process."""

    async def inner() -> T:
        api = RuntimeApiServer()
        client = RuntimeApi(await api.start())
        try:
            return await asyncio.wait_for(go(api, client), CEILING)
        finally:
            api.close()

    return asyncio.run(inner())


def answer_to(event: Any, upstream: Upstream, **settings: str) -> bytes:
    """What the function sends for one event, prelude and all."""

    async def go(api: RuntimeApiServer, client: RuntimeApi) -> bytes:
        function = StreamFunction({"OPENAI_BASE_URL": upstream.url, **settings}, write=lambda _: None)
        raw = event if isinstance(event, bytes) else json.dumps(event).encode()
        invocation = Invocation(raw, time.time() + 60)
        api.waiting.put_nowait(invocation)
        await function.handle(client, *await client.next())
        await function.aclose()
        pieces = []
        while (piece := await invocation.pieces.get()) is not None:
            pieces.append(piece)
        return b"".join(pieces)

    return with_api(go)


def test_a_rest_api_event_is_answered_and_has_no_gateway_limit(upstream: Upstream) -> None:
    upstream.play(stream(TEXT))
    raw = answer_to(recorded("aws-rest-api"), upstream)
    told, _, body = raw.partition(b"\0" * 8)
    assert (json.loads(told)["statusCode"], body) == (200, TEXT)
    assert upstream.received[0].target == "/v1/chat/completions?a=1&a=%2F"


@pytest.mark.parametrize("event", [b"no json", b"[" * 100_000, {}, None, {"Records": []}])
def test_an_unknown_event_gets_a_clear_answer(event: Any, upstream: Upstream) -> None:
    told, _, body = answer_to(event, upstream).partition(b"\0" * 8)
    assert json.loads(told)["statusCode"] == 400
    assert json.loads(body)["error"]["code"] == "unknown_event"


@pytest.mark.parametrize(
    "change",
    [
        {"body": "好", "isBase64Encoded": True},
        {"rawPath": "/v1/\ud83d"},
        {"headers": {"authorization": 5}},
        {"headers": {"\ud83d": "x"}},
    ],
)
def test_an_event_that_only_looks_like_one_is_answered(change: dict[str, Any], upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    told = answer_to({**recorded("aws-function-url"), **change}, upstream).partition(b"\0" * 8)[0]
    assert json.loads(told)["statusCode"] in (200, 400, 401)


def test_what_breaks_the_reading_of_an_event_is_a_bad_event(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("proxy.adapters.aws_events.to_request", broken)
    body = answer_to(recorded("aws-function-url"), upstream).partition(b"\0" * 8)[2]
    assert json.loads(body)["error"]["code"] == "bad_event"


def test_a_wrong_setting_is_an_init_error() -> None:
    async def go(api: RuntimeApiServer, client: RuntimeApi) -> tuple[int, dict[str, Any]]:
        lines: list[str] = []
        environ = {"AWS_LAMBDA_RUNTIME_API": client._address, "TIMEOUT_SECONDS": "soon"}
        code = await aws_stream.serve(environ, lines.append)
        assert "TIMEOUT_SECONDS" in lines[0]
        return code, await api.init_errors.get()

    code, told = with_api(go)
    assert code == 1
    assert told["errorType"] == "Sluice.ConfigError" and "TIMEOUT_SECONDS must be" in told["errorMessage"]


def test_any_other_broken_start_is_told_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(aws_stream, "StreamFunction", broken)

    async def go(api: RuntimeApiServer, client: RuntimeApi) -> dict[str, Any]:
        assert await aws_stream.serve({"AWS_LAMBDA_RUNTIME_API": client._address}, lambda _: None) == 1
        return await api.init_errors.get()

    told = with_api(go)
    assert told["errorType"] == "Sluice.RuntimeError" and "secret" not in str(told)


class Rude:
    """A Runtime API that answers each connection with bytes of the test's choice and hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answers.pop(0) if self._answers else b"")
        writer.close()


def with_rude(go: Callable[[RuntimeApi], Awaitable[T]], *answers: bytes) -> T:
    async def inner() -> T:
        server = await asyncio.start_server(Rude(*answers).serve, "127.0.0.1", 0)
        try:
            return await asyncio.wait_for(go(RuntimeApi(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")), CEILING)
        finally:
            server.close()

    return asyncio.run(inner())


def test_every_framing_of_an_event_is_read() -> None:
    async def go(api: RuntimeApi) -> list[bytes]:
        return [(await api.next())[1] for _ in range(3)]

    head_ = b"HTTP/1.1 200 OK\r\n"
    assert with_rude(
        go,
        head_ + b"Content-Length: 2\r\n\r\n{}",
        head_ + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n",
        head_ + b"\r\n{}",
    ) == [b"{}", b"{}", b"{}"]


def test_a_runtime_api_that_refuses_ends_the_process() -> None:
    async def go(api: RuntimeApi) -> None:
        with pytest.raises(RuntimeApiError):
            await api.next()

    with_rude(go, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("streamed", [True, False])
def test_a_platform_that_hangs_up_is_logged_and_the_upstream_closed(streamed: bool, upstream: Upstream) -> None:
    # It goes on to write: only that shows that nobody takes what is written.
    goes_on = tuple(step for _ in range(100) for step in (chunk(TEXT), Sleep(0.05)))
    upstream.play(stream(*[TEXT] * 10, end=(*goes_on, Wait())) if streamed else whole(b"{}"))
    lines: list[str] = []

    async def go(api: RuntimeApi) -> None:
        function = StreamFunction({"OPENAI_BASE_URL": upstream.url}, lines.append)
        fields = {"lambda-runtime-aws-request-id": "r-1"}
        await function.handle(api, fields, json.dumps(recorded("aws-function-url")).encode())
        await function.aclose()

    with_rude(go)
    assert any('"response_lost"' in line for line in lines)
    assert not streamed or upstream.gone.wait(CEILING)


def test_no_runtime_api_at_all_is_logged_and_the_upstream_closed(upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    lines: list[str] = []

    async def go() -> None:
        function = StreamFunction({"OPENAI_BASE_URL": upstream.url}, lines.append)
        fields = {"lambda-runtime-aws-request-id": "r-1"}
        await function.handle(RuntimeApi("127.0.0.1:9"), fields, json.dumps(recorded("aws-function-url")).encode())
        await function.aclose()

    asyncio.run(go())
    assert any('"response_lost"' in line for line in lines)
    assert upstream.gone.wait(CEILING)


def test_the_wrapper_starts_it_with_the_interpreter_that_lambda_names(tmp_path: Path) -> None:
    text = (ROOT / "aws_bootstrap").read_bytes()
    assert text.startswith(b"#!/bin/bash\n") and b"\r" not in text
    assert (ROOT / "aws_bootstrap").stat().st_mode & 0o777 == 0o755
    assert b'exec "$1" -u -m proxy.adapters.aws_stream' in text


def test_the_entry_point_returns_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    async def served(environ: object) -> int:
        return 7 if environ is os.environ else 0

    monkeypatch.setattr(aws_stream, "serve", served)
    assert aws_stream.main() == 7
    assert sys.modules["proxy.adapters.aws_stream"] is aws_stream


def test_the_prelude_has_no_hop_by_hop_no_length_no_nul_and_cookies_apart() -> None:
    pairs = [("connection", "close"), ("transfer-encoding", "chunked"), ("content-length", "1"), ("x-a", "1")]
    pairs += [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-a", "2"), ("x-b", "\0" * 8), ("keep-alive", "x")]
    status, headers, cookies = prelude(Reply(201, Headers(pairs), b""))
    assert (status, headers, cookies) == (201, {"x-a": "1, 2", "x-b": "\0" * 8}, ["a=1", "b=2"])

    async def go(api: RuntimeApiServer, client: RuntimeApi) -> bytes:
        invocation = Invocation(b"{}", time.time() + 60)
        api.waiting.put_nowait(invocation)
        await client.next()
        response = await client.respond(invocation.id, status, headers, cookies)
        await response.end()
        return await invocation.pieces.get() or b""

    raw = with_api(go)
    assert raw.count(b"\0") == 8 and raw.endswith(b"\0" * 8)


def test_the_managed_runtime_s_kind_of_answer_is_taken_too() -> None:
    async def go(api: RuntimeApiServer, client: RuntimeApi) -> list[bytes | None]:
        gone = asyncio.ensure_future(client.next())
        await until(lambda: api.idle == 1)
        gone.cancel()  # an instance that stops waiting takes no invocation with it
        await asyncio.gather(gone, return_exceptions=True)
        await until(lambda: api.idle == 0)
        invocation = Invocation(b"{}", time.time() + 60)
        api.waiting.put_nowait(invocation)
        await client.next()
        await client.fail(f"invocation/{invocation.id}/response", "x", "y")  # any POST with a length
        return [await invocation.pieces.get(), await invocation.pieces.get()]

    first, end = with_api(go)
    assert first is not None and json.loads(first)["errorType"] == "x" and end is None


SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}


def test_an_instance_waits_for_its_restore_and_has_made_nothing_unique_before(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.play(whole(b"{}"))
    connections = upstream.connections
    drawn: list[int] = []
    urandom = os.urandom

    def counted(size: int) -> bytes:
        drawn.append(size)
        return urandom(size)

    monkeypatch.setattr("os.urandom", counted)
    states: list[object] = []

    async def go(api: RuntimeApiServer, client: RuntimeApi) -> bytes:
        api.restore.clear()
        lines: list[str] = []
        environ = {"OPENAI_BASE_URL": upstream.url, "AWS_LAMBDA_RUNTIME_API": client._address, **SNAP_START}
        invocation = Invocation(json.dumps(recorded("aws-function-url")).encode(), time.time() + 60)
        drawn.clear()  # the simulator's own
        states.append(random.getstate())
        serving = asyncio.ensure_future(aws_stream.serve(environ, lines.append))
        api.waiting.put_nowait(invocation)
        await until(lambda: api.snapshots > 0)
        await asyncio.sleep(0.1)
        assert (api.idle, api.running, lines, drawn) == (0, {}, [], []), "nothing is asked before the restore"
        assert random.getstate() == states[0] and upstream.connections == connections
        api.restore.set()
        pieces = []
        while (piece := await invocation.pieces.get()) is not None:
            pieces.append(piece)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return b"".join(pieces)

    assert b'"statusCode": 200' in with_api(go)
    assert drawn and upstream.connections == connections + 1


def test_restored_instances_choose_and_name_calls_apart() -> None:
    """They share the state of Python's generator, as two hosts do here after the same seed."""
    seen = []
    for _ in range(2):
        random.seed(1)
        function = StreamFunction({}, write=lambda _: None)
        seen.append(([function.host.choose(1_000_000) for _ in range(5)], function.host.new_id()))
    assert seen[0][0] != seen[1][0] and seen[0][1] != seen[1][1]


@pytest.mark.parametrize("kind", [None, "on-demand", "provisioned-concurrency"])
def test_other_kinds_of_instance_ask_for_no_restore(kind: str | None) -> None:
    async def go(api: RuntimeApiServer, client: RuntimeApi) -> None:
        environ = {
            "AWS_LAMBDA_RUNTIME_API": client._address,
            **({"AWS_LAMBDA_INITIALIZATION_TYPE": kind} if kind else {}),
        }
        serving = asyncio.ensure_future(aws_stream.serve(environ, lambda _: None))
        await until(lambda: api.idle > 0)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert api.snapshots == 0

    with_api(go)


def test_a_failed_restore_is_reported_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: RuntimeApi) -> None:
        raise RuntimeApiError("The Runtime API answered restore/next with 500.")

    monkeypatch.setattr(RuntimeApi, "restored", broken)

    async def go(api: RuntimeApiServer, client: RuntimeApi) -> tuple[list[str], dict[str, Any]]:
        lines: list[str] = []
        environ = {"AWS_LAMBDA_RUNTIME_API": client._address, **SNAP_START}
        assert await aws_stream.serve(environ, lines.append) == 1
        assert api.init_errors.empty()
        return lines, await api.restore_errors.get()

    lines, error = with_api(go)
    assert error["errorType"] == "Sluice.RuntimeApiError" and '"restore_error"' in lines[0]


def test_a_wrong_setting_is_an_init_error_before_any_snapshot() -> None:
    async def go(api: RuntimeApiServer, client: RuntimeApi) -> None:
        environ = {"AWS_LAMBDA_RUNTIME_API": client._address, "TIMEOUT_SECONDS": "soon", **SNAP_START}
        assert await aws_stream.serve(environ, lambda _: None) == 1
        assert not api.init_errors.empty() and api.restore_errors.empty() and api.snapshots == 0

    with_api(go)
