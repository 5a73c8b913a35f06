"""A log that nobody reads, or that cannot be written, stops no call, and says later how much it has lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import IO, Any

import pytest

from proxy.adapters import log_output
from proxy.adapters.log_output import MAX_QUEUED_CHARACTERS, DirectOutput, QueuedOutput
from proxy.adapters.scf_event import EventFunction
from tests.support.client import Connection
from tests.support.events import recorded
from tests.support.talk import wait_for
from tests.support.upstream import CEILING


class File:
    """A standard output with this descriptor, which can be closed with it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def fileno(self) -> int:
        return self.descriptor

    def write(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def flush(self) -> None:
        """Nothing is kept."""


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Standard output is a pipe: its reading end, its writing end."""
    reading, writing = os.pipe()
    out = SimpleNamespace(stdout=File(writing))  # pytest exchanges the real one between a fixture and its test
    monkeypatch.setattr(log_output, "sys", out)
    yield reading, writing
    for one in (reading, writing):
        with contextlib.suppress(OSError):  # the test may have closed it
            os.close(one)


def log_output_sys() -> Any:
    """What log_output takes for `sys`."""
    return vars(log_output)["sys"]


def fill(writing: int) -> int:
    """Write until a pipe takes no more, as a reader that stalls makes it; how many bytes it took."""
    os.set_blocking(writing, False)
    size = 0
    try:
        while True:
            size += os.write(writing, b"." * 1024)
    except BlockingIOError:
        os.set_blocking(writing, True)
        return size


def read(reading: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(reading, size - len(data))
    return data


def read_lines(reading: int, count: int) -> list[str]:
    data = b""
    while data.count(b"\n") < count:
        data += os.read(reading, 65_536)
    return data.decode().splitlines()


def dropped(line: str) -> int:
    told = json.loads(line)
    assert (told["level"], told["event"]) == ("warning", "log_lines_dropped") and told["timestamp"]
    return int(told["dropped"])


def test_a_function_s_line_is_written_at_once(pipe: tuple[int, int]) -> None:
    DirectOutput()("one")
    assert os.read(pipe[0], 100) == b"one\n"


def test_a_function_drops_what_would_wait_and_says_so_later(pipe: tuple[int, int]) -> None:
    output = DirectOutput()
    size = fill(pipe[1])
    for _ in range(3):
        output("lost")
    read(pipe[0], size)
    output("kept")
    output("more")
    first, second, third = read_lines(pipe[0], 3)
    assert (dropped(first), second, third) == (3, "kept", "more")


def test_a_function_outlives_its_log(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    output = DirectOutput()
    os.close(pipe[0])
    output("nobody reads")
    monkeypatch.setattr(log_output_sys(), "stdout", None)
    output("nowhere")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(log_output_sys(), "stdout", full)
        output("no room")
        monkeypatch.setattr(log_output_sys(), "stdout", said := io.StringIO())
        output("kept")
        with pytest.raises(OSError, match="No space"):
            full.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # so that it can be closed
    first, second = said.getvalue().splitlines()
    assert (dropped(first), second) == (3, "kept")


def test_a_call_of_a_function_is_answered_whatever_the_log_does(pipe: tuple[int, int]) -> None:
    fill(pipe[1])
    function = EventFunction({"DEMO": "1"}, DirectOutput())
    event = {**recorded("scf-function-url"), "httpMethod": "GET", "path": "/healthz"}
    for _ in range(100):
        assert function(event, {})["statusCode"] == 200
    function.close()


def test_a_server_s_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    output = QueuedOutput()
    for number in range(100):
        output(str(number))
    assert output.flush(CEILING)
    assert read_lines(pipe[0], 100) == [str(number) for number in range(100)]


def test_a_server_keeps_what_a_stalled_reader_may_still_read_and_counts_the_rest(pipe: tuple[int, int]) -> None:
    output = QueuedOutput()
    size = fill(pipe[1])
    output("first")
    wait_for(lambda: output._writing)
    line = "x" * 1000
    most = MAX_QUEUED_CHARACTERS // len(line)
    for _ in range(most + 70):
        output(line)
    assert not output.flush(0.01)  # bounded, however long the reader stalls
    assert read(pipe[0], size) == b"." * size
    lines = read_lines(pipe[0], 1 + most + 1)
    assert lines[0] == "first" and lines[1:-1] == [line] * most and dropped(lines[-1]) == 70
    assert output.flush(CEILING)


def test_a_standard_output_that_does_not_block_is_waited_for_by_the_thread(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, waits = select.select, threading.Event()

    def waiting(*lists: Any) -> Any:
        waits.set()
        return real(*lists)

    monkeypatch.setattr(select, "select", waiting)
    output = QueuedOutput()
    size = fill(pipe[1])
    os.set_blocking(pipe[1], False)
    output("x" * 100_000)
    assert waits.wait(CEILING)
    assert not output.flush(0.01)
    assert len(read(pipe[0], size + 100_001)) == size + 100_001
    assert output.flush(CEILING)


def test_what_could_not_be_written_is_counted(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    output = QueuedOutput()
    os.close(pipe[0])
    for times in (1, 2):  # of which the second would have been with a notice
        for _ in range(2):
            output("lost")
            assert output.flush(CEILING)
        assert output._dropped == 2 * times
    monkeypatch.setattr(log_output_sys(), "stdout", None)
    output("nowhere")
    assert output.flush(CEILING)
    monkeypatch.setattr(log_output_sys(), "stdout", said := io.StringIO())
    output("kept")
    assert output.flush(CEILING)
    first, second = said.getvalue().splitlines()
    assert (first, dropped(second)) == ("kept", 5)


def test_half_a_line_does_not_spoil_the_next(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that gets full takes a part of what it is given."""
    real, full = os.write, [False]

    def write(descriptor: int, data: Any) -> int:
        if full[0]:
            raise OSError(28, "No space left on device")
        full[0] = True
        return real(descriptor, bytes(data)[:7])

    output = QueuedOutput()
    monkeypatch.setattr(os, "write", write)
    output("a line")
    assert output.flush(CEILING)
    full[0] = False
    output("a torn line")
    assert output.flush(CEILING)
    monkeypatch.setattr(os, "write", real)
    output("a line")
    assert output.flush(CEILING)
    first, torn, third, fourth = read_lines(pipe[0], 4)
    assert (first, torn, third, dropped(fourth)) == ("a line", "a torn ", "a line", 1)


@contextmanager
def served(stdout: IO[bytes] | int, closed: bool = False) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`serve` with this standard output, once it answers; and its port."""
    clean = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "HOME", "COVERAGE"))}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "proxy", "serve", "--port", str(port), "--demo"]
    if closed:
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    process = subprocess.Popen(command, env=clean, stdout=stdout, stderr=subprocess.DEVNULL)

    def up() -> bool:
        assert process.poll() is None, "it has ended"
        try:
            socket.create_connection(("127.0.0.1", port), CEILING).close()
        except OSError:
            return False
        return True

    try:
        wait_for(up)
        yield process, port
    finally:
        process.kill()
        process.wait(CEILING)


@pytest.mark.parametrize("kind", ["full", "stalled", "gone", "closed"])
def test_serve_answers_and_stops_whatever_its_standard_output_does(kind: str) -> None:
    reading, writing = os.pipe()
    if kind == "stalled":
        fill(writing)  # so that not even the banner can be written
    elif kind == "gone":
        os.close(reading)
    with (
        open("/dev/full", "wb") as full,
        served(full if kind == "full" else writing, kind == "closed") as (child, port),
    ):
        connection = Connection(port)
        for _ in range(3000):
            connection.send("GET", "/healthz")
            result = connection.head()
            assert result.status == 200 and b"".join(connection.writes(result)) == b'{"status": "ok"}'
        connection.close()
        child.send_signal(signal.SIGTERM)
        child.wait(CEILING)
    os.close(writing)
    if kind != "gone":
        os.close(reading)


def test_all_lines_are_written_before_a_signal_ends_the_process() -> None:
    reading, writing = os.pipe()
    with served(writing) as (child, port):
        os.close(writing)
        connection = Connection(port)
        for _ in range(20):
            connection.send("GET", "/healthz")
            for _ in connection.writes(connection.head()):
                pass
        connection.close()
        child.send_signal(signal.SIGTERM)
        data = b""
        while select.select([reading], [], [], CEILING)[0] and (piece := os.read(reading, 65_536)):
            data += piece
        child.wait(CEILING)
    os.close(reading)
    assert data.startswith(b"Sluice is running.") and data.count(b'"path": "/healthz"') == 20
