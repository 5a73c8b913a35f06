"""`/metrics` of `python -m proxy serve`: of one process, and of several as of one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from proxy.cli import serve as command
from proxy.metrics import shared_files
from tests.support.client import Connection, call
from tests.support.metrics import USAGE, Samples, parsed, value
from tests.support.process import port_of, served, wait_until_up
from tests.support.talk import wait_for
from tests.support.upstream import CEILING, SSE_HEAD, Upstream, Wait, chunk, whole

KEY = (("Authorization", "Bearer sk-caller"), ("Content-Type", "application/json"))


def samples(port: int) -> Samples:
    page = call(port, "GET", "/metrics")
    assert page.status == 200
    return parsed(page.body.decode())


def ask(port: int) -> None:
    assert call(port, "POST", "/v1/chat/completions", KEY, b'{"model":"gpt-x"}').status == 200


def workers_of(parent: int) -> set[int]:
    """The ids of the processes that a server has started for its work."""
    found = set()
    for child in psutil.Process(parent).children():
        with contextlib.suppress(psutil.Error):  # it has just ended
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def test_one_process_counts_its_calls(upstream: Upstream) -> None:
    upstream.play(whole(USAGE))
    with served(OPENAI_BASE_URL=upstream.url) as (_, printed):
        port = port_of(printed)
        wait_until_up(port)
        ask(port)
        wait_for(lambda: value(samples(port), "sluice_calls_total") == 1)
        assert value(samples(port), "sluice_tokens_total", kind="input", model="gpt-x") == 30


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal")
def test_several_processes_count_as_one_and_leave_nothing(upstream: Upstream, tmp_path: Path) -> None:
    upstream.play(whole(USAGE))
    with served("--workers", "2", OPENAI_BASE_URL=upstream.url, TMPDIR=str(tmp_path)) as (process, printed):
        port = port_of(printed)
        wait_until_up(port)
        (folder,) = tmp_path.glob("sluice-metrics-*")
        wait_for(lambda: len(list(folder.glob("counter_*.db"))) == 2)
        for _ in range(20):
            ask(port)
        for _ in range(4):  # whichever process answers
            wait_for(lambda: value(samples(port), "sluice_calls_total", path="chat/completions") == 20)
        found = samples(port)
        assert value(found, "sluice_call_duration_seconds_count", upstream="default") == 20
        assert value(found, "sluice_tokens_total", kind="output", model="gpt-x") == 240
        assert value(found, "sluice_build_info") == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(CEILING) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal")
def test_calls_of_a_process_that_died_run_no_longer(upstream: Upstream, tmp_path: Path) -> None:
    event = b'data: {"x":1}\n\n'
    upstream.play((SSE_HEAD, chunk(event), Wait()))
    with served("--workers", "2", OPENAI_BASE_URL=upstream.url, TMPDIR=str(tmp_path)) as (process, printed):
        port = port_of(printed)
        wait_until_up(port)
        connection = Connection(port)
        connection.send("POST", "/v1/chat/completions", KEY, b'{"stream":true}')
        assert next(connection.writes(connection.head())) == event
        wait_for(lambda: value(samples(port), "sluice_calls_running") == 1)
        (server,) = (
            pid
            for pid in workers_of(process.pid)
            if any(one.raddr and one.raddr.port == upstream.port for one in psutil.Process(pid).net_connections())
        )
        os.kill(server, signal.SIGKILL)
        connection.close()
        upstream.proceed()
        wait_for(lambda: value(samples(port), "sluice_calls_running") == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(CEILING) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal")
def test_without_the_package_processes_share_nothing(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text('import sys\nsys.modules["prometheus_client"] = None\n')
    place = tmp_path / "temporary"
    place.mkdir()
    with served("--workers", "2", PYTHONPATH=str(tmp_path), TMPDIR=str(place)) as (process, printed):
        port = port_of(printed)
        wait_until_up(port)
        page = call(port, "GET", "/metrics")
        assert (page.status, page.json()["error"]["code"]) == (501, "metrics_not_installed")
        assert list(place.iterdir()) == []
        before = workers_of(process.pid)
        os.kill(min(before), signal.SIGKILL)
        wait_for(lambda: bool(workers_of(process.pid) - before))
        process.send_signal(signal.SIGTERM)
        assert process.wait(CEILING) == 0


def test_one_process_needs_no_folder() -> None:
    with shared_files.temporary_folder(1) as folder:
        assert folder is None


def test_no_place_for_the_folder_stops_start_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", fail)
    assert command.run("127.0.0.1", 0, demo=True, workers=2) == 1
    said = capsys.readouterr().err
    assert "cannot be made: Read-only file system. Set TMPDIR" in said and said.count("\n") == 1


def test_a_folder_of_the_owner_s_that_is_not_there_stops_start_up(tmp_path: Path) -> None:
    environ = {**os.environ, shared_files.VARIABLE: str(tmp_path / "missing"), "DEMO": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "serve", "--port", "0"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=CEILING,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"sluice: {shared_files.VARIABLE} must be a folder") and "No such file" in done.stderr
