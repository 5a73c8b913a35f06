"""A program that runs in place of this one gets its full time to shut down."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from proxy.cli import child
from tests.support.client import Connection
from tests.support.paths import ROOT
from tests.support.upstream import CEILING, END, SSE_HEAD, Upstream, Wait, chunk

_SERVES = """
import sys
from proxy.cli import child
sys.exit(child.run([sys.executable, "-m", "proxy", "serve", "--port", "0"]))
"""
EVENT = b'data: {"x":1}\n\n'


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize(("whole_group", "number", "code"), [(True, signal.SIGINT, 0), (False, signal.SIGTERM, 143)])
def test_a_running_stream_is_finished(upstream: Upstream, whole_group: bool, number: int, code: int) -> None:
    """Ctrl-C reaches every process in the terminal; SIGTERM to the parent alone must reach the child too."""
    upstream.play((SSE_HEAD, chunk(EVENT), Wait(), chunk(EVENT), END))
    environ = {**os.environ, "OPENAI_BASE_URL": upstream.url, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", _SERVES],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        printed = ""
        while not (match := re.search(r"127\.0\.0\.1:(\d+)/v1 ", printed)) or "Ctrl-C" not in printed:
            printed += process.stdout.readline()
        connection = Connection(int(match[1]))
        connection.send("POST", "/v1/chat/completions", (("Authorization", "Bearer sk-a"),), b'{"stream":true}')
        writes = connection.writes(connection.head())
        assert next(writes) == EVENT
        os.killpg(process.pid, number) if whole_group else process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)  # subprocess.run would have killed the server by now
        upstream.proceed()
        assert list(writes) == [EVENT]
        assert process.wait(CEILING) == code
        assert "Traceback" not in process.stdout.read()
        connection.close()


def test_the_exit_code_is_passed_on_and_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert child.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7
    assert child.run([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]) == 137
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_program_can_run_from_another_thread() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(child.run([sys.executable, "-c", "raise SystemExit(3)"])))
    thread.start()
    thread.join(CEILING)
    assert codes == [3]
