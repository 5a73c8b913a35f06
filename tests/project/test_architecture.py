"""The worked example of docs/architecture.md: a platform that is added to a copy of the sources, bundled, and run."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.case import JSON
from tests.support.client import call
from tests.support.documents import blocks
from tests.support.paths import ROOT
from tests.support.upstream import CEILING, Upstream, stream, whole

CALLER = (("Authorization", "Bearer sk-caller"), JSON)
ADAPTER, LIMITS, REGISTRY = (
    f"proxy/{name}.py" for name in ("adapters/example_wsgi", "platforms/limits", "platforms/registry")
)
_SERVE = """
import os
from wsgiref.simple_server import make_server
from proxy.adapters.example_wsgi import make_app

with make_server("127.0.0.1", 0, make_app(os.environ)) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""
_ASK = """
import json
from proxy.cli.doctor.extras import body_limit
from proxy.endpoints.console.limits import card

print(json.dumps([body_limit("example-wsgi"), card("example-wsgi")]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what bundles are made of, with the example's three blocks added."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "proxy", root / "proxy", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "dev.py", "requirements.txt"):
        shutil.copyfile(ROOT / name, root / name)
    (root / "docs").mkdir()
    adapter, limits, row = blocks("docs/architecture.md", "python")
    assert adapter.count("\n") < 40, "it is meant to be short"
    (root / ADAPTER).write_text(adapter, encoding="utf-8")
    add(root / LIMITS, "LIMITS: tuple[Limit, ...] = (\n", limits)
    add(root / REGISTRY, "PLATFORMS = (\n", row)
    return root


def add(path: Path, start: str, rows: str) -> None:
    """Put `rows` at the beginning of the table that the line `start` opens."""
    before, found, after = path.read_text(encoding="utf-8").partition(start)
    assert found
    lines = [f"    {ast.unparse(row)},\n" for row in ast.parse(rows).body]
    path.write_text("".join((before, found, *lines, after)), encoding="utf-8")


def run(root: Path, *arguments: str) -> str:
    """What Python prints in the copy."""
    command = [sys.executable, *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # it is a copy
    environ = kept | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, timeout=CEILING, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def bundle(project: Path) -> Path:
    """The example's bundle, unpacked."""
    run(project, "-m", "proxy", "bundle", "example", "--no-tokens")
    folder = project / "unpacked"
    shutil.unpack_archive(project / "build" / "sluice-example.zip", folder)
    return folder


@pytest.fixture
def port(bundle: Path, upstream: Upstream) -> Iterator[int]:
    """The unpacked bundle in a process of its own, with nothing else installed, as a platform would run it."""
    environ = {"PYTHONPATH": str(bundle), "OPENAI_BASE_URL": upstream.url}
    silent = subprocess.DEVNULL
    command = [sys.executable, "-S", "-c", _SERVE]
    process = subprocess.Popen(command, cwd=bundle, env=environ, stdout=subprocess.PIPE, stderr=silent)
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.kill()
    process.wait(CEILING)
    process.stdout.close()


def test_a_platform_is_a_row_its_limits_and_one_adapter(project: Path) -> None:
    def contents(root: Path) -> dict[str, bytes]:
        paths = [path for path in (root / "proxy").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}

    changed = dict(contents(project).items() - contents(ROOT).items())
    assert changed.keys() == {ADAPTER, LIMITS, REGISTRY}
    new = changed.keys() - contents(ROOT).keys()
    assert new == {ADAPTER}


def test_the_command_line_and_the_pages_know_it(project: Path) -> None:
    assert "example.com/limits" in run(project, "-m", "proxy", "limits", "--platform", "example")
    assert ",example," in run(project, "-m", "proxy", "bundle", "--help").replace("{", ",")
    run(project, "-m", "proxy", "limits", "--write")
    for name, title, door in (
        ("limits.md", "Example Functions", "HTTPS (in one piece)"),
        ("limits.zh-CN.md", "示例云函数", "HTTPS（一次返回）"),
    ):
        page = (project / "docs" / name).read_text(encoding="utf-8")
        assert f"## {title}\n" in page and f"| {door} |" in page


def test_the_console_and_the_doctor_know_it(project: Path) -> None:
    limit, card = json.loads(run(project, "-c", _ASK))
    assert limit == 6_000_000
    assert card["zh"]["name"] == "示例云函数" and [row[2] for row in card["en"]["rows"]] == ["6 MB (6,000,000 bytes)"]


def test_its_bundle_holds_its_adapter_and_no_other(bundle: Path) -> None:
    adapters = {path.name for path in (bundle / "proxy" / "adapters").glob("*.py")}
    assert "example_wsgi.py" in adapters and not adapters & {"asgi.py", "scf_event.py", "aws_events.py", "workers.py"}
    assert (bundle / "itsdangerous").is_dir() and (bundle / "proxy" / "endpoints" / "console" / "page.html").is_file()


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
