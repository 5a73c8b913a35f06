"""Vercel's folder as Vercel's own tool builds it, what it makes behind Vercel's runtime, and the page about it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from proxy import startup
from proxy.platforms.limits import number
from proxy.platforms.registry import BUNDLES
from tests.support import parts, vercel
from tests.support.bundles import COUNTING, Bundles
from tests.support.client import call
from tests.support.documents import blocks
from tests.support.paths import ROOT
from tests.support.started import flows
from tests.support.talk import CHAT
from tests.support.upstream import Upstream, whole
from tests.support.vercel import Function

pytestmark = pytest.mark.any_python("Vercel's tool runs in Node, and what it makes under Python 3.13")
PROXY_KEY = "pk-0123456789abcdef"
KEYS = {"OPENAI_API_KEY": "sk-server", "PROXY_KEY": PROXY_KEY}
CALLER = (("Authorization", f"Bearer {PROXY_KEY}"), ("Content-Type", "application/json"), *vercel.headers())
STRANGER = (("Authorization", "Bearer sk-stranger"), *CALLER[1:])
VERSION = BUNDLES["vercel"].python
PAGES = ("docs/deploy-vercel.md", "docs/deploy-vercel.zh-CN.md")


@pytest.fixture(scope="module")
def built(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Vercel's tool makes out of the bundle's folder, in Vercel's Build Output format."""
    return vercel.build(shutil.copytree(bundles("vercel") / "vercel", tmp_path_factory.mktemp("build") / "vercel"))


@pytest.fixture(scope="module")
def running(built: Path, _upstream: Upstream) -> Iterator[Function]:
    started = start(built, OPENAI_BASE_URL=_upstream.url, **KEYS)
    yield started
    started.close()


def place(built: Path) -> Path:
    """The folder of the one function that was made."""
    (folder,) = (built / "functions").iterdir()
    return folder


def config(built: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place(built) / ".vc-config.json").read_text())
    return found


def start(built: Path, **environ: str) -> Function:
    """The function in a process of its own, by the handler that was made, with nothing but its folder to import."""
    made = config(built)
    code = f"import sys; sys.path.insert(0, '.'); import {made['handler'].partition('.')[0]}"
    command = [parts.need_python(VERSION), "-S", "-c", code]
    return Function({**made["environment"], **environ}, command, place(built))


def test_the_tool_makes_one_function_that_every_path_reaches_and_no_file(built: Path) -> None:
    made = config(built)
    assert made["runtime"] == f"python{VERSION}" and made["supportsResponseStreaming"] is True
    assert made["maxDuration"] == number("vercel", "function", "time-out")
    assert not list(built.glob("static/**/*.*")), "the sources are not for everybody to read"
    routes = json.loads((built / "config.json").read_text())["routes"]
    assert routes[-1]["src"] == "/(.*)" and routes[-1]["dest"] == f"/{place(built).stem}"
    assert routes[-1]["transforms"] == [{"type": "request.path", "op": "set", "args": "/$1"}], "the path as it was sent"


def test_the_tool_installs_nothing_but_the_runtime(built: Path) -> None:
    installed = {path.name.partition("-")[0] for path in place(built).glob("_vendor/*.dist-info")}
    assert installed - {"pip"} == {"vercel_runtime"}
    assert (place(built) / "tiktoken").is_dir() and (place(built) / "proxy" / "adapters" / "vercel.py").is_file()


def test_it_counts_tokens_with_nothing_else_installed(built: Path) -> None:
    command = [parts.need_python(VERSION), "-S", "-c", COUNTING, str(place(built))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=built)
    assert done.stdout == "8 exact 128000\n", done.stderr


def test_what_was_built_streams_event_by_event(running: Function, upstream: Upstream) -> None:
    flows(running.port, (), upstream, CALLER)
    assert upstream.received[0].header("authorization") == "Bearer sk-server"


def test_what_was_built_keeps_strangers_out(running: Function, upstream: Upstream) -> None:
    assert call(running.port, "POST", "/v1/chat/completions", STRANGER, CHAT).status == 401
    assert call(running.port, "GET", "/readyz", vercel.headers()).json()["access"] == "proxy-key"
    assert upstream.received == []


def test_a_fresh_deployment_is_neither_open_nor_dead(built: Path, upstream: Upstream) -> None:
    fresh = start(built, OPENAI_BASE_URL=upstream.url)
    try:
        for caller in (STRANGER, vercel.headers()):
            error = call(fresh.port, "POST", "/v1/chat/completions", caller, CHAT).json()["error"]
            assert error["code"] == "configuration_error" and "PROXY_KEY" in error["message"]
    finally:
        fresh.close()
    assert upstream.received == []


def test_another_mode_is_a_variable(built: Path, upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    function = start(built, OPENAI_BASE_URL=upstream.url, ACCESS="pass-through")
    try:
        assert call(function.port, "POST", "/v1/chat/completions", STRANGER, b"{}").status == 200
    finally:
        function.close()
    assert upstream.received[0].header("authorization") == "Bearer sk-stranger"


# What a clone does not have.
LOCAL = (
    ".git",
    ".venv*",
    ".vercel",
    "build",
    "*_cache",
    "__pycache__",
    "node_modules",
    "python_modules",
    "sluice.toml",
)


def test_a_clone_of_the_repository_can_be_deployed_too(tmp_path: Path, upstream: Upstream) -> None:
    """That is what the address on the page does: Vercel then installs the packages itself, from the locked list."""
    built = vercel.build(shutil.copytree(ROOT, tmp_path / "sluice", ignore=shutil.ignore_patterns(*LOCAL)))
    assert config(built)["maxDuration"] == 300 and not list(built.glob("static/**/*.*"))
    locked = (ROOT / "requirements.txt").read_text()
    for name in ("httpx", "certifi", "tiktoken"):
        (metadata,) = place(built).glob(f"_vendor/{name}-*.dist-info")
        assert f"{metadata.name.removesuffix('.dist-info').replace('-', '==')} " in locked
    upstream.play(whole(b"{}"))
    function = start(built, OPENAI_BASE_URL=upstream.url, **KEYS)
    try:
        assert call(function.port, "POST", "/v1/chat/completions", STRANGER, b"{}").status == 401
        assert call(function.port, "POST", "/v1/chat/completions", CALLER, b"{}").status == 200
    finally:
        function.close()


def test_the_address_that_clones_asks_for_the_keys_and_holds_none() -> None:
    for name in PAGES:
        (address,) = blocks(name, "text")
        url = urlsplit(address.strip())
        asked = dict(parse_qsl(url.query))
        assert (url.netloc, url.path) == ("vercel.com", "/new/clone")
        assert asked["repository-url"] == "https://github.com/OWNER/REPOSITORY"
        startup.load({"ACCESS": "proxy-key", **dict.fromkeys(asked["env"].split(","), "made-up-0123456789")})


def test_both_projects_say_the_same() -> None:
    bundle, clone = (json.loads((ROOT / name).read_text()) for name in ("vercel/vercel.json", "vercel.json"))
    assert "--require-hashes" in clone.pop("installCommand")
    (ours,), (theirs,) = (one.pop("functions").values() for one in (bundle, clone))
    assert bundle == clone and ours["maxDuration"] == theirs["maxDuration"]
    assert bundle["regions"] == ["iad1"], "OpenAI serves it"


def test_no_key_has_a_place_in_a_file() -> None:
    for name in ("vercel.json", "vercel/vercel.json", "vercel/app.py", "vercel/pyproject.toml"):
        assert not re.search(r"_KEY|_SECRET|_TOKEN|\bsk-", (ROOT / name).read_text(encoding="utf-8")), name
