"""The worked example of a new adapter, run as it stands in the document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.case import JSON
from tests.project.test_documents import blocks
from tests.support.client import call
from tests.support.paths import ROOT
from tests.support.upstream import CEILING, Upstream, stream, whole

CALLER = (("Authorization", "Bearer sk-caller"), JSON)
_SERVE = """
import os
from wsgiref.simple_server import make_server

with make_server("127.0.0.1", 0, make_app(os.environ)) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


@pytest.fixture
def port(upstream: Upstream, tmp_path: Path) -> Iterator[int]:
    """The example in a process of its own, as a platform would run it: it lives until it is stopped."""
    (code,) = blocks("docs/architecture.md", "python")
    assert code.count("\n") < 40, "it is meant to be short"
    (tmp_path / "example.py").write_text(code + _SERVE, encoding="utf-8")
    environ = {"PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": upstream.url}
    silent = subprocess.DEVNULL
    command = [sys.executable, "example.py"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=silent)
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.kill()
    process.wait(CEILING)
    process.stdout.close()


def test_the_example_relays(port: int, upstream: Upstream) -> None:
    upstream.play(whole(b'{"ok":1}'))
    result = call(port, "POST", "/v1/chat/completions", CALLER, b'{"model":"m"}')
    assert (result.status, result.body) == (200, b'{"ok":1}')
    assert upstream.received[0].header("authorization") == "Bearer sk-caller"
    assert upstream.received[0].body == b'{"model":"m"}'


def test_the_example_says_that_it_holds_a_stream_back(port: int, upstream: Upstream) -> None:
    events = (b'data: {"id":"1","choices":[]}\n\n', b"data: [DONE]\n\n")
    upstream.play(stream(*events))
    result = call(port, "POST", "/v1/chat/completions", CALLER, b'{"model":"m","stream":true}')
    assert result.body == b"".join(events) and result.header("x-sluice-buffered") == "1"


def test_the_example_refuses_as_every_door_does(port: int, upstream: Upstream) -> None:
    assert call(port, "GET", "/wp-login.php", CALLER).status == 404
    error = call(port, "POST", "/v1/embeddings", (JSON,), b"{}").json()["error"]
    assert error["code"] == "missing_api_key" and upstream.received == []
    assert json.loads(call(port, "POST", "/v1/x", CALLER, b"x" * 6_000_001).body)["error"]["code"] == "body_too_large"
