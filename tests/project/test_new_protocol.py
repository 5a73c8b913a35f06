"""A new protocol is one module and one row of the table of paths: added to a copy of the sources, and spoken there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.cli.bundle.imports import closure
from tests.support.paths import ROOT
from tests.support.upstream import CEILING

MODULE = """
from proxy.protocols.base import Protocol, StreamState


class State(StreamState):
    def feed(self, piece):
        self.has_text = self.has_text or b"word" in piece

    def truncated(self, reason):
        return b"event: cut\\ndata: %b\\n\\n" % reason.encode() if self.has_text else None

    def failed(self, error):
        return b"event: failed\\ndata: %b\\n\\n" % error.code.encode()


class Example(Protocol):
    name = "example"
    known = True

    def state(self, choices=1):
        return State()

    def ping(self, has_ids):
        return b"event: ping\\n\\n"

    def usage(self, data):
        return {"prompt_tokens": data.count(b"word")}


PROTOCOL = Example()
"""
ROW = '    Endpoint("example/talk", protocol="example", generates=True, writes=True),\n'
ASK = """
import json
from proxy.errors import UpstreamDisconnected
from tests.support.core import Listed, request, run

body, lines = b'{"model":"m","stream":true}', []
word = b'data: {"word":1,"usage":{}}\\n\\n'
_, cut = run(Listed(word, 0.5, word), request("/v1/example/talk", body, 0.3), lines)
_, failed = run(Listed(word, UpstreamDisconnected()), request("/v1/example/talk", body))
quick = {"KEEPALIVE_FIRST_SECONDS": "0.01", "KEEPALIVE_SECONDS": "5"}
_, silent = run(Listed(0.2, word), request("/v1/example/talk", body), settings=quick)
guarded = {"MODERATION": "words", "MODERATION_WORDS": "water"}
refused, _ = run(Listed(word), request("/v1/example/talk", body), settings=guarded)
said = [cut[-1].decode(), failed[-1].decode(), silent[0].decode()]
print(json.dumps([*said, json.loads(lines[-1])["gen_ai.usage.input_tokens"], refused.status]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of proxy/ with the module and the row."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "proxy", root / "proxy", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "proxy" / "protocols" / "example.py").write_text(MODULE, encoding="utf-8")
    table = root / "proxy" / "wire" / "path_table.py"
    start = "ENDPOINTS: tuple[Endpoint, ...] = (\n"
    text = table.read_text(encoding="utf-8")
    assert start in text
    table.write_text(text.replace(start, start + ROW), encoding="utf-8")
    return root


def test_it_ends_fails_pings_and_is_logged_in_its_own_way(project: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environ = kept | {"PYTHONPATH": os.pathsep.join((str(project), str(ROOT)))}
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(
        command, env=environ, cwd=project, capture_output=True, text=True, timeout=CEILING, check=True
    )
    cut, failed, silent, tokens, refused = json.loads(done.stdout)
    assert cut == "event: cut\ndata: deadline\n\n"
    assert failed == "event: failed\ndata: upstream_disconnected\n\n"
    assert (silent, tokens) == ("event: ping\n\n", 1)
    assert refused == 403  # no content filter can read its answers


def test_every_bundle_holds_it(project: Path) -> None:
    assert "proxy.protocols.example" in closure(project, ["proxy.adapters.scf_event"])
