"""The Worker under real Pyodide, asked for what no app would ask: the URL parser in front changes some of it first."""

from __future__ import annotations

import pytest

from tests.support.client import call
from tests.support.hostile import check_error
from tests.support.upstream import Upstream, stream, whole
from tests.support.workers import Workers

pytestmark = pytest.mark.any_python("Pyodide brings the Python that runs the Worker")
SETTINGS = {"OPENAI_API_KEY": "sk-server", "PROXY_KEY": "pk-one"}
LET_IN = (("Authorization", "Bearer pk-one"), ("Content-Type", "application/json"))
DEEP = b'{"model":' + b"[" * 100_000


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/v1/models/../files", LET_IN, b""),
        ("/v1/models/%2e%2e/files", LET_IN, b""),
        ("/v1/audio/..%2ffiles", LET_IN, b"{}"),
        ("/v1/audio/%252e%252e/files", LET_IN, b"{}"),
        ("/v1/audio/..;/files", LET_IN, b"{}"),
        ("/v1/audio\\..\\files", LET_IN, b"{}"),
        ("//evil.example/v1/files", LET_IN, b"{}"),
        ("/https://evil.example/v1/files", LET_IN, b"{}"),
        ("/v1/chat/completions", (("Authorization", "Bearer \xff\xfe"),), b"{}"),
        ("/v1/chat/completions", (), DEEP),
        ("/v1/chat/completions?key=pk-one", (), b"{}"),
        ("/v1/%" + "25" * 5_000, LET_IN, b"{}"),
        ("/v1/%04%7F", LET_IN, b"{}"),
        ("/v1/chat/completions", LET_IN, b'{"\\ud800":1,"\\ud800":2,"moderation":1}'),
        ("/v1/chat/completions/input_tokens", LET_IN, b'{"model":"\\ud800","messages":[]}'),
    ],
)
def test_nothing_of_it_goes_up(
    path: str, headers: tuple[tuple[str, str], ...], body: bytes, workers: Workers, upstream: Upstream
) -> None:
    upstream.play(whole(b"{}"))
    port = workers.at({"OPENAI_BASE_URL": upstream.url, **SETTINGS})
    result = call(port, "POST", path, (*headers, ("X-Forwarded-Host", "evil.example")), body)
    assert upstream.received == []
    if result.status != 501:  # a bundle without vocabularies cannot count
        check_error(result.status, result.header("content-type"), result.body)


def test_a_body_as_deep_as_it_gets_goes_up_as_it_is_or_is_refused(workers: Workers, upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}'))
    port = workers.at({"OPENAI_BASE_URL": upstream.url, **SETTINGS})
    assert call(port, "POST", "/v1/chat/completions", LET_IN, DEEP).status == 400
    assert not upstream.received
    port = workers.at({"OPENAI_BASE_URL": upstream.url})  # with a caller's own key nothing has to be read
    assert call(port, "POST", "/v1/chat/completions", (("authorization", "Bearer sk-own"),), DEEP).status == 200
    assert upstream.received[0].body == DEEP


@pytest.mark.parametrize("guard", ["0", "1"])
@pytest.mark.parametrize("status", [200, 400])
def test_an_isolate_outlives_an_answer_without_end(
    guard: str, status: int, workers: Workers, upstream: Upstream
) -> None:
    """Some kilobytes of brackets would end it, and every call in it."""
    said = b'{"choices":[{"index":0,"delta":' + b"[" * 20_000
    port = workers.at({"OPENAI_BASE_URL": upstream.url, "STREAM_GUARD": guard, "METERING": "header", **SETTINGS})
    for script in (whole(said, status), stream(b"data: " + said + b"\n\n"), whole(b'{"usage":' + said, status)):
        upstream.play(script)
        result = call(port, "POST", "/v1/chat/completions", LET_IN, b'{"model":"m","stream":true}')
        assert result.status in (200, status)
    assert call(port, "GET", "/healthz").status == 200
