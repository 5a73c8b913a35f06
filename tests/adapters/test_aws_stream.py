"""The streaming Lambda function: a process of its own behind a simulator of the Runtime API, every pitfall a test."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import openai
import pytest

from proxy.cli.lambda_simulator import Invocation, LambdaFront
from tests.support.client import Connection, call
from tests.support.paths import ROOT
from tests.support.server import Running
from tests.support.talk import wait_for
from tests.support.upstream import END, SSE_HEAD, Cut, Upstream, Wait, chunk, head, stream, whole

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


@pytest.mark.parametrize("how", [Cut(), Cut(reset=True)])
def test_a_cut_file_ends_with_trailers_and_a_broken_connection(front: Front, upstream: Upstream, how: Cut) -> None:
    fields = (("Content-Type", "audio/mpeg"), ("Transfer-Encoding", "chunked"))
    upstream.play((head(200, *fields) + chunk(b"ID3" * 9), Wait(), how))
    connection = Connection(front.port)
    connection.send("POST", "/v1/audio/speech", KEY, b"{}")
    result = connection.head()
    upstream.proceed()
    assert list(connection.writes(result)) and result.broken
    connection.close()
    trailers = last(front).trailers
    assert trailers["lambda-runtime-function-error-type"] == "Sluice.UpstreamDisconnected"
    told = json.loads(base64.b64decode(trailers["lambda-runtime-function-error-body"]))
    assert "closed the connection" in told["errorMessage"]


def test_a_cut_stream_ends_with_an_error_event_and_no_trailers(front: Front, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(TEXT), Cut()))
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


def test_an_unstreamed_answer_is_kept_at_a_deadline_of_five_seconds(upstream: Upstream) -> None:
    """The default time-outs of functions are as short: what has come by then is given, and said to be a part."""
    upstream.play((SSE_HEAD, chunk(TEXT), Wait()))
    front = Front(upstream, timeout=5)
    try:
        started = time.monotonic()
        result = call(front.port, "POST", "/v1/chat/completions", KEY, b'{"model":"m","messages":[]}')
        assert 3 < time.monotonic() - started < 5
        ready = call(front.port, "GET", "/readyz").json()
    finally:
        front.close()
    told = result.json()["choices"][0]
    assert (told["finish_reason"], bool(told["message"]["content"])) == ("length", True)
    assert result.header("x-sluice-truncated") == "deadline"
    assert ready["warnings"] == ["This function's time-out is 5 s; set it to 300."]


def test_ten_invocations_in_one_process_with_one_client(front: Front, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    call(front.port, "GET", "/v1/models", KEY)
    before = upstream.connections
    for _ in range(10):
        assert call(front.port, "GET", "/v1/models", KEY).status == 200
    assert upstream.connections == before and len(front.front.processes) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows freezes no processes")
def test_a_frozen_and_thawed_process_answers_over_a_stale_connection(front: Front, upstream: Upstream) -> None:
    upstream.play((*whole(b'{"first":1}'), Wait(), Cut()), whole(b'{"second":2}'))
    assert call(front.port, "GET", "/v1/models", KEY).body == b'{"first":1}'
    process = front.front.processes[0]
    process.send_signal(signal.SIGSTOP)
    upstream.proceed()  # meanwhile the upstream hangs up
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


def test_the_openai_sdk_streams_through_it(front: Front, upstream: Upstream) -> None:
    upstream.play(stream(TEXT, TEXT, b"data: [DONE]\n\n"))
    sdk: Any = openai.OpenAI(base_url=front.url, api_key="sk-mine")
    with sdk as client:
        pieces = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "好"}], stream=True)
        assert "".join(piece.choices[0].delta.content for piece in pieces) == "xx"


def test_streaming_imports_neither_mangum_nor_tiktoken(front: Front, upstream: Upstream) -> None:
    from tests.support.imports import loaded_by

    assert not {"mangum", "tiktoken", "uvicorn", "http.client"} & loaded_by("import proxy.adapters.aws_stream")


def test_a_function_with_snap_start_answers(upstream: Upstream) -> None:
    front = Front(upstream, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    try:
        for _ in range(2):
            upstream.play(stream(TEXT))
            assert call(front.port, "POST", "/v1/chat/completions", KEY, STREAMED).body.startswith(TEXT)
        assert front.front.api.snapshots == 1
    finally:
        front.close()
