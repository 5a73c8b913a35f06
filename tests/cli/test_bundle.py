"""The bundles as they are uploaded: what is in them, that each build is the same, and that they run by themselves."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import os
import runpy
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.cli.bundle.command import build_bundle
from proxy.cli.bundle.sources import ROOT, add_sources
from proxy.endpoints.console import page
from proxy.platforms.registry import BOOTSTRAPS, BUNDLES
from tests.support import nginx, parts
from tests.support.bundles import COUNTING, Bundles
from tests.support.client import Connection, call
from tests.support.events import recorded
from tests.support.process import free_port, process
from tests.support.upstream import END, SSE_HEAD, Upstream, Wait, chunk, stream, whole

pytestmark = pytest.mark.any_python("a bundle is for its platform's Python, whichever builds it")
KEY = (("Authorization", "Bearer sk-caller"), ("Content-Type", "application/json"))
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
NAMES = tuple(name for name, bundle in BUNDLES.items() if bundle.python)  # those that are compiled


@pytest.fixture(scope="session")
def built(bundles: Bundles) -> Path:
    for name in BUNDLES:
        bundles(name)
    return bundles.folder


def unpacked(built: Path, name: str, target: Path) -> Path:
    """The zip unpacked with its modes, as a platform does."""
    with zipfile.ZipFile(built / f"sluice-{name}.zip") as archive:
        archive.extractall(target)
        for entry in archive.infolist():
            os.chmod(target / entry.filename, entry.external_attr >> 16)
    return target


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_holds_what_runs_and_nothing_else(built: Path, name: str) -> None:
    with zipfile.ZipFile(built / f"sluice-{name}.zip") as archive:
        names = set(archive.namelist())
        modes = {entry.filename: (entry.external_attr >> 16) & 0o777 for entry in archive.infolist()}
        metadata = [archive.read(one).decode() for one in names if one.endswith(".dist-info/METADATA")]
        dates = {entry.date_time for entry in archive.infolist()}
    tops = {one.partition("/")[0] for one in names}
    assert {
        {"azure": "app.py", "cloudrun": "main.py", "vercel": "app.py"}.get(name, "handler.py"),
        "proxy",
        "httpx",
        "httpcore",
        "h11",
        "anyio",
        "certifi",
        "LICENSE",
    } <= tops
    assert not tops & {"tests", "benchmarks", "requests", "regex", "pip", "uv", "bin", "docs"}
    assert {"tiktoken", "tiktoken_ext"} <= tops
    assert ("mangum" in tops) == (name == "aws")
    assert names & {*BOOTSTRAPS} == {one for one in (BUNDLES[name].bootstrap,) if one}
    assert ("exceptiongroup" in tops) == (BUNDLES[name].python == "3.10"), "it belongs to Python 3.10 alone"
    assert not [one for one in names if one.startswith(("proxy/cli/", "proxy/__main__"))]
    assert not [one for one in names if "/tests/" in one or "/testing/" in one or one.endswith((".pyi", "RECORD"))]
    assert ("uvicorn" in tops) == (name in ("scf-web", "aliyun", "azure", "cloudrun"))
    assert {mode for one, mode in modes.items() if "bootstrap" not in one} == {0o644}
    assert {mode for one, mode in modes.items() if "bootstrap" in one} <= {0o755}
    assert dates == {(1980, 1, 1, 0, 0, 0)}
    roots = [one for one in names if one.startswith("proxy/transports/certificates/")]
    assert len(roots) > 100, "certificates that OpenSSL finds by name"
    systems = {one.rpartition("-")[0].rpartition("cpython-")[2] for one in names if one.endswith(".so")}
    both = {"313-aarch64-linux", "313-x86_64-linux"}  # one zip for every architecture
    assert systems == (both if name == "aws" else {f"{BUNDLES[name].python.replace('.', '')}-x86_64-linux"})
    assert len(metadata) == len([one for one in tops if one.endswith(".dist-info")])


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_counts_with_nothing_else_installed(built: Path, name: str) -> None:
    python = parts.need_python(BUNDLES[name].python)
    command = [python, "-S", "-c", COUNTING, str(built / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=built)
    assert done.stdout == "8 exact 128000\n", done.stderr


HTTPX = """
import sys; sys.path[:] = [sys.argv[1], *[one for one in sys.path if "site-packages" not in one and one]]
import asyncio, httpx
async def main():
    async with httpx.AsyncClient() as client:
        return (await client.get(sys.argv[2])).status_code
print(asyncio.run(main()), httpx.__file__.startswith(sys.argv[1]))
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_s_httpx_works_without_the_files_that_are_left_out(built: Path, name: str, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    command = [parts.need_python(BUNDLES[name].python), "-S", "-c", HTTPX, str(built / name), upstream.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=built)
    assert done.stdout == "200 True\n", done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_source_is_compiled_for_the_platform_s_python(built: Path, name: str) -> None:
    version = BUNDLES[name].python
    parts.need_python(version)
    folder = built / name
    sources = {path.relative_to(folder) for path in folder.rglob("*.py")}
    compiled = {path.relative_to(folder) for path in folder.rglob("*.pyc")}
    assert compiled == {
        path.parent / "__pycache__" / f"{path.stem}.cpython-{version.replace('.', '')}.pyc" for path in sources
    }
    flags = {int.from_bytes((folder / path).read_bytes()[4:8], "little") for path in compiled}
    assert flags == {0b01}, "a hash that nobody checks: a zip's times are too coarse"
    assert str(built).encode() not in b"".join((folder / path).read_bytes() for path in compiled)


def modes(folder: Path) -> dict[str, int]:
    """The modes of a folder and of all that is in it, by name."""
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize("name", BUNDLES)
def test_the_same_input_gives_the_same_zip(built: Path, name: str, tmp_path: Path) -> None:
    """Also from another folder, on another day, and where new files are nobody else's to read."""
    other = tmp_path / "elsewhere" / "deep"
    before = os.umask(0o077)
    try:
        assert build_bundle(name, str(other)) == 0
    finally:
        os.umask(before)
    sums = [hashlib.sha256((folder / f"sluice-{name}.zip").read_bytes()).hexdigest() for folder in (built, other)]
    assert sums[0] == sums[1]
    assert modes(built / name) == modes(other / name)
    programs = {path for path, mode in modes(other / name).items() if mode == 0o755 and (other / name / path).is_file()}
    assert programs == {path for path in BOOTSTRAPS if (other / name / path).exists()}
    assert {mode for path, mode in modes(other / name).items() if path not in programs} == {0o755, 0o644}
    assert (other / f"sluice-{name}.zip").stat().st_mode & 0o777 == 0o644


@pytest.fixture(scope="module")
def function(built: Path, tmp_path_factory: pytest.TempPathFactory, _upstream: Upstream) -> Iterator[int]:
    """The web function's port: the unpacked zip, started by its scf_bootstrap under Python 3.10 and nothing else."""
    python = parts.need_python("3.10")
    folder = unpacked(built, "scf-web", tmp_path_factory.mktemp("user"))
    port = free_port()
    # Stands in for the platform's interpreter, and moves the server to a free port of this machine.
    moved = f"from proxy.adapters import scf_web as w; w.HOST, w.PORT = '127.0.0.1', {port}; w.main()"
    stand_in = folder / "python3.10"
    stand_in.write_text(
        f'#!/bin/bash\n[ "$*" = "-u -m proxy.adapters.scf_web" ] || exit 9\nexec {python} -u -c "{moved}"\n'
    )
    stand_in.chmod(0o755)
    bootstrap = folder / "scf_bootstrap"
    bootstrap.write_text(bootstrap.read_text().replace("/var/lang/python310/bin/python3.10", str(stand_in)))
    environ = {"OPENAI_BASE_URL": _upstream.url, "PATH": "/bin:/usr/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    with process([str(bootstrap)], port, env=environ, cwd="/"):
        yield port


def test_the_unpacked_function_streams_event_by_event(function: int, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, *(step for _ in range(5) for step in (chunk(EVENT), Wait())), END))
    connection = Connection(function)
    connection.send("POST", "/v1/chat/completions", (*KEY, ("X-Scf-Timeout", "300000")), b'{"stream":true}')
    for got in connection.writes(connection.head()):
        assert got == EVENT
        upstream.proceed()
    connection.close()


def test_many_calls_at_once_on_one_instance(function: int, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(EVENT), Wait(), chunk(EVENT), END))
    connections = [Connection(function) for _ in range(20)]
    for one in connections:
        one.send("POST", "/v1/chat/completions", KEY, b'{"stream":true}')
    streams = [one.writes(one.head()) for one in connections]
    assert [next(one) for one in streams] == [EVENT] * 20
    for _ in connections:
        upstream.proceed()
    assert [list(one) for one in streams] == [[EVENT]] * 20
    for one in connections:
        one.close()


@pytest.fixture(scope="module")
def behind_nginx(function: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with nginx.buffering(function, tmp_path_factory.mktemp("nginx")) as port:
        yield port


def test_behind_a_buffering_nginx_the_stream_still_flows(behind_nginx: int, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, *(step for _ in range(5) for step in (chunk(EVENT), Wait())), END))
    connection = Connection(behind_nginx)
    connection.send("POST", "/v1/chat/completions", KEY, b'{"stream":true}')
    for got in connection.writes(connection.head()):
        assert got == EVENT
        upstream.proceed()
    connection.close()


def test_the_openai_sdk_talks_to_it(behind_nginx: int, upstream: Upstream) -> None:
    sdk: Any = openai.OpenAI(base_url=f"http://127.0.0.1:{behind_nginx}/v1", api_key="sk-mine")
    messages = [{"role": "user", "content": "你好"}]
    with sdk as client:
        upstream.play(stream(EVENT, EVENT, b"data: [DONE]\n\n"))
        pieces = client.chat.completions.create(model="m", messages=messages, stream=True)
        assert "".join(piece.choices[0].delta.content for piece in pieces) == "xx"
        upstream.play(whole(b'{"id":"c","object":"chat.completion","choices":[]}'))
        assert client.chat.completions.create(model="m", messages=messages).id == "c"


def imported_at_once(tree: ast.Module) -> Iterator[str]:
    """The modules of this project that are imported when the module is."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{one.name}" for one in node.names)


@pytest.mark.parametrize("name", BUNDLES)
def test_no_module_of_a_bundle_needs_one_that_was_left_out(name: str, tmp_path: Path) -> None:
    """Worker bundles leave counting out: a module there must import it where it is needed, or be left out too."""
    add_sources(dataclasses.replace(BUNDLES[name], packages=()), tmp_path)
    modules = {path.relative_to(ROOT).with_suffix("") for path in (ROOT / "proxy").rglob("*.py")}
    missing = {".".join(one.parts) for one in modules if not (tmp_path / one).with_suffix(".py").exists()}
    assert missing  # adapters of other platforms at least
    needed = {
        (str(path.relative_to(tmp_path)), one)
        for path in (tmp_path / "proxy").rglob("*.py")
        for one in imported_at_once(ast.parse(path.read_text()))
        if one in missing or one.rpartition(".")[0] in missing
    }
    assert not needed


def test_every_bundle_has_the_whole_console(built: Path) -> None:
    files = {path.name for path in page.HERE.iterdir() if path.suffix in (".css", ".html", ".js", ".json", ".txt")}
    for name in NAMES:
        assert {path.name for path in (built / name / "proxy" / "endpoints" / "console").iterdir()} >= files, name
    folder = built / "cloudflare" / "src" / "proxy" / "endpoints" / "console"
    assert {path.suffix for path in folder.iterdir()} == {".py"}
    packed = runpy.run_path(str(folder / "packed.py"))["FILES"]
    files.remove("llms-full.txt")  # which would make it a third larger
    assert packed == {name: page.compact(name, page.read(name)) for name in files}


def test_the_console_page_is_in_the_bundle(function: int) -> None:
    found = call(function, "GET", "/").body
    assert b"/v1</code>" in found and b"tencent-scf-web" in found


def test_the_unpacked_event_function_answers_under_the_platform_s_python(
    built: Path, tmp_path: Path, upstream: Upstream
) -> None:
    python = parts.need_python("3.10")
    folder = unpacked(built, "scf-event", tmp_path)
    upstream.play(stream(EVENT, b"data: [DONE]\n\n"))
    code = "import json, sys, handler; event = json.load(sys.stdin)\nprint(json.dumps(handler.main_handler(event, {})))"
    environ = {"OPENAI_BASE_URL": upstream.url, "PYTHONPATH": str(folder), "LOG_LEVEL": "off"}
    event = json.dumps(recorded("scf-function-url"))
    done = subprocess.run(
        [python, "-c", code], input=event, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["statusCode"] == 200 and answer["body"] == (EVENT + b"data: [DONE]\n\n").decode()
