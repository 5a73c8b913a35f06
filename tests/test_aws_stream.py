"""The streaming Lambda function: a process of its own behind a simulator of the Runtime API, every pitfall a test."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest

from proxy.adapters import aws_stream
from proxy.adapters.aws_runtime import RuntimeApi, RuntimeApiError
from proxy.adapters.aws_stream import StreamFunction, prelude
from proxy.cli.lambda_simulator import Invocation, LambdaFront, RuntimeApiServer
from proxy.messages import Headers, Reply
from tests.support.client import Connection, call
from tests.support.events import recorded
from tests.support.server import Running
from tests.support.talk import wait_for
from tests.support.upstream import CEILING, END, SSE_HEAD, Cut, Sleep, Upstream, Wait, chunk, head, stream, whole

ROOT = Path(__file__).parent.parent
KEY = (("Authorization", "Bearer sk-caller"), ("Content-Type", "application/json"))
TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
STREAMED = b'{"model":"m","stream":true}'
T = TypeVar("T")


class Front(Running):
    """The simulator with its function URL, the function's processes behind it."""

    def __init__(self, upstream: Upstream, timeout: float = 300.0, instances: int = 1, **settings: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE", "HOME"))}
        environ = {**clean, "PYTHONPATH": str(ROOT), "LOG_LEVEL": "off", "OPENAI_BASE_URL": upstream.url, **settings}
        self.front = LambdaFront(environ, timeout, instances)
        super().__init__(self.front)


@pytest.fixture(scope="module")
def front(_upstream: Upstream) -> Iterator[Front]:
    started = Front(_upstream)
    yield started
    started.close()


def last(front: Front) -> Invocation:
    return front.front.finished[-1]


def test_chunk_k_reaches_the_client_before_chunk_k_plus_1_is_produced(front: Front, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, *(step for _ in range(10) for step in (chunk(TEXT), Wait())), END))
    connection = Connection(front.port)
    connection.send("POST", "/v1/chat/completions", KEY, STREAMED)
    for got in connection.writes(connection.head()):
        assert got == TEXT
        upstream.proceed()
    connection.close()


def test_the_prelude_goes_out_before_there_is_a_body(front: Front, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, Wait(), chunk(TEXT), END))
    connection = Connection(front.port)
    connection.send("POST", "/v1/chat/completions", KEY, STREAMED)
    result = connection.head()
    assert (result.status, result.header("content-type")) == (200, "text/event-stream")
    upstream.proceed()
    assert list(connection.writes(result)) == [TEXT]
    connection.close()


def test_an_empty_body_has_a_prelude_too(front: Front, upstream: Upstream) -> None:
    upstream.play((head(204),))
    assert call(front.port, "DELETE", "/v1/files/f", KEY).status == 204
    upstream.play(whole(b""))
    assert (call(front.port, "GET", "/v1/models", KEY).body, last(front).trailers) == (b"", {})


def test_the_response_is_said_to_be_streamed(front: Front, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    call(front.port, "GET", "/v1/models", KEY)
    fields = last(front).fields
    assert fields["transfer-encoding"] == "chunked"
    assert fields["lambda-runtime-function-response-mode"] == "streaming"
    assert fields["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert fields["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"


def test_binary_is_exact_both_ways(front: Front, upstream: Upstream) -> None:
    data = bytes(range(256)) * 5000
    upstream.play(whole(data, kind="audio/mpeg"))
    result = call(front.port, "POST", "/v1/files", (KEY[0], ("Content-Type", "application/octet-stream")), data)
    assert result.body == data and upstream.received[0].body == data


def test_a_body_with_nul_bytes_is_not_taken_for_the_prelude_s_end(front: Front, upstream: Upstream) -> None:
    upstream.play(whole(b"\0" * 64, kind="audio/mpeg"))
    assert call(front.port, "GET", "/v1/files/f/content", KEY).body == b"\0" * 64


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


@pytest.mark.parametrize("how", [Cut(), Cut(reset=True)])
def test_a_cut_file_ends_with_trailers_and_a_broken_connection(front: Front, upstream: Upstream, how: Cut) -> None:
    fields = (("Content-Type", "audio/mpeg"), ("Transfer-Encoding", "chunked"))
    upstream.play((head(200, *fields) + chunk(b"ID3" * 9), Sleep(0.1), how))
    result = call(front.port, "POST", "/v1/audio/speech", KEY, b"{}")
    assert result.broken
    trailers = last(front).trailers
    assert trailers["lambda-runtime-function-error-type"] == "Sluice.UpstreamDisconnected"
    told = json.loads(base64.b64decode(trailers["lambda-runtime-function-error-body"]))
    assert "closed the connection" in told["errorMessage"]


def test_a_cut_stream_ends_with_an_error_event_and_no_trailers(front: Front, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Sleep(0.1), Cut()))
    result = call(front.port, "POST", "/v1/chat/completions", KEY, STREAMED)
    assert b"upstream_disconnected" in result.body and not result.broken and last(front).trailers == {}


def test_an_upstream_that_fails_before_its_first_byte_has_its_own_status(front: Front, upstream: Upstream) -> None:
    upstream.play((Cut(),))
    result = call(front.port, "POST", "/v1/chat/completions", KEY, STREAMED)
    assert (result.status, result.json()["error"]["code"]) == (502, "upstream_disconnected")


def test_the_deadline_is_the_platform_s(upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    front = Front(upstream, timeout=2)
    try:
        result = call(front.port, "POST", "/v1/chat/completions", KEY, STREAMED)
    finally:
        front.close()
    assert b'"finish_reason":"length"' in result.body and result.body.endswith(b"data: [DONE]\n\n")


def test_ten_invocations_in_one_process_with_one_client(front: Front, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    call(front.port, "GET", "/v1/models", KEY)
    before = upstream.connections
    for _ in range(10):
        assert call(front.port, "GET", "/v1/models", KEY).status == 200
    assert upstream.connections == before and len(front.front.processes) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows freezes no processes")
def test_a_frozen_and_thawed_process_answers_over_a_stale_connection(front: Front, upstream: Upstream) -> None:
    upstream.play((*whole(b'{"first":1}'), Sleep(0.3), Cut()), whole(b'{"second":2}'))
    assert call(front.port, "GET", "/v1/models", KEY).body == b'{"first":1}'
    process = front.front.processes[0]
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.6)  # meanwhile the upstream hangs up
    process.send_signal(signal.SIGCONT)
    assert call(front.port, "POST", "/v1/chat/completions", KEY, b"{}").body == b'{"second":2}'


def test_an_instance_that_dies_is_a_502_and_the_next_call_gets_a_new_one(upstream: Upstream) -> None:
    front = Front(upstream)
    try:
        upstream.play((Wait(),), whole(b"{}"))
        connection = Connection(front.port)
        connection.send("POST", "/v1/chat/completions", KEY, b"{}")
        wait_for(lambda: len(upstream.received) == 1)
        front.front.processes[0].kill()
        assert connection.head().status == 502
        connection.close()
        assert call(front.port, "GET", "/v1/models", KEY).status == 200
        # And one that dies in the middle of its answer breaks the connection off.
        upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
        connection = Connection(front.port)
        connection.send("POST", "/v1/chat/completions", KEY, STREAMED)
        result = connection.head()
        writes = connection.writes(result)
        assert next(writes) == TEXT
        front.front.processes[0].kill()
        assert list(writes) == [] and result.broken
        connection.close()
    finally:
        front.close()


def test_calls_at_the_same_time_get_an_instance_each(upstream: Upstream) -> None:
    front = Front(upstream, instances=2)
    try:
        upstream.play((SSE_HEAD, chunk(TEXT), Wait(), chunk(TEXT), END))
        connections = [Connection(front.port), Connection(front.port)]
        streams = []
        for one in connections:
            one.send("POST", "/v1/chat/completions", KEY, STREAMED)
            streams.append(one.writes(one.head()))
            assert next(streams[-1]) == TEXT
        assert len(front.front.processes) == 2
        front.front.processes[0].kill()
        wait_for(lambda: len(front.front.processes) == 1)
        upstream.proceed()
        upstream.proceed()
        assert sorted([list(one) for one in streams]) == [[], [TEXT]]
        for one in connections:
            one.close()
    finally:
        front.close()


def test_a_function_that_cannot_start_is_a_502(upstream: Upstream) -> None:
    front = Front(upstream, TIMEOUT_SECONDS="soon")
    try:
        assert call(front.port, "GET", "/v1/models", KEY).status == 502
    finally:
        front.close()


def test_the_managed_runtime_s_kind_of_answer_is_taken_too() -> None:
    async def go(api: RuntimeApiServer, client: RuntimeApi) -> list[bytes | None]:
        gone = asyncio.ensure_future(client.next())
        await asyncio.sleep(0.1)
        gone.cancel()  # an instance that stops waiting takes no invocation with it
        await asyncio.gather(gone, return_exceptions=True)
        await asyncio.sleep(0.1)
        assert api.idle == 0
        invocation = Invocation(b"{}", time.time() + 60)
        api.waiting.put_nowait(invocation)
        await client.next()
        await client.fail(f"invocation/{invocation.id}/response", "x", "y")  # any POST with a length
        return [await invocation.pieces.get(), await invocation.pieces.get()]

    first, end = with_api(go)
    assert first is not None and json.loads(first)["errorType"] == "x" and end is None


def test_the_openai_sdk_streams_through_it(front: Front, upstream: Upstream) -> None:
    upstream.play(stream(TEXT, TEXT, b"data: [DONE]\n\n"))
    sdk: Any = openai.OpenAI(base_url=front.url, api_key="sk-mine")
    with sdk as client:
        pieces = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "好"}], stream=True)
        assert "".join(piece.choices[0].delta.content for piece in pieces) == "xx"


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
    assert told["errorType"] == "Sluice.ConfigError" and "TIMEOUT_SECONDS takes" in told["errorMessage"]


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
    upstream.play(stream(*[TEXT] * 10, end=(Wait(),)) if streamed else whole(b"{}"))
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


def test_streaming_imports_neither_mangum_nor_tiktoken(front: Front, upstream: Upstream) -> None:
    from tests.test_imports import loaded_by

    assert not {"mangum", "tiktoken", "uvicorn", "http.client"} & loaded_by("import proxy.adapters.aws_stream")
