"""`python -m benchmarks.stalls`: how long one caller, or one upstream, can keep all other callers waiting.

A stream of one chunk every 5 ms is read through `python -m proxy serve` while one of the requests of
benchmarks.stall_kinds runs in the same server. What counts is the longest gap between two of its chunks, beyond the
gap between the upstream's writing of them. It only reports; the aim is 50 ms on two cores.
"""

from __future__ import annotations

import argparse
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks import relays, stall_upstream
from benchmarks.load import CEILING, LoadError
from benchmarks.markdown import markdown
from benchmarks.noise import Others
from benchmarks.stall_kinds import CHAT, KINDS, Kind, head

RUNS = 3
WARM_SECONDS, TAIL_SECONDS = 0.5, 1.0  # the probe alone; and what is still done once the answer has gone out
IDLE_SECONDS = 2.0
_IDLE = Kind("nobody else", lambda: b"")
_AT = re.compile(rb'"at":(\d+),')


@dataclass
class Stalls:
    """What the runs of a kind of request have shown: the longest stall and the time to its last byte, in seconds.

    `lasted` is empty where nothing was asked for.
    """

    name: str
    longest: list[float] = field(default_factory=list)
    lasted: list[float] = field(default_factory=list)


class Probe:
    """The stream of another caller, read in a thread. Each chunk is noted with when it was written and when it came."""

    def __init__(self, port: int, key: str) -> None:
        body = (
            b'{"model":"gpt-4o-mini","stream":true,"max_tokens":10,"messages":[{"role":"user","content":"%s"}]}'
            % stall_upstream.PROBE.encode()
        )
        self._socket = socket.create_connection(("127.0.0.1", port), CEILING)
        self._socket.sendall(head("POST", CHAT, key, len(body)) + body)
        self._chunks: list[tuple[int, int]] = []
        self._since = 0
        self._error: Exception | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if not self._begun.wait(CEILING) or self._error is not None:
            raise self._error or LoadError("The probe's stream has not begun.")

    def watch(self) -> None:
        """From here on it counts."""
        self._since = max(0, len(self._chunks) - 1)

    def close(self) -> float:
        """End the stream; the longest stall since `watch`, in seconds. Raises LoadError where it has ended before."""
        ended, now = not self._thread.is_alive(), time.monotonic_ns()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(CEILING)
        self._socket.close()
        if ended:
            raise self._error or LoadError("The probe's stream has ended.")
        chunks = self._chunks[self._since :]
        chunks.append((chunks[-1][0], now))  # as if one came now: the server may still be busy
        pause = int(stall_upstream.PAUSE * 1e9)
        gaps = (
            came - before - max(written - written_before, pause)
            for (written_before, before), (written, came) in pairwise(chunks)
        )
        return max(0, *gaps) / 1e9

    def _read(self) -> None:
        rest = b""
        try:
            while data := self._socket.recv(65_536):
                now = time.monotonic_ns()
                rest += data
                if rest.startswith(b"HTTP/1.1 ") and not rest.startswith(b"HTTP/1.1 200 "):
                    raise LoadError(f"The probe's answer begins with {rest[:200]!r}.")
                for match in _AT.finditer(rest):
                    self._chunks.append((int(match[1]), now))
                    self._begun.set()
                rest = rest[rest.rfind(b"\n") + 1 :] if self._chunks else rest
        except (OSError, LoadError) as error:
            self._error = error
            self._begun.set()


def run(kind: Kind, up: int) -> tuple[float, float]:
    """One run in a fresh server: the longest stall, and how long the request took, both in seconds."""
    settings = {name: value.replace("{upstream}", str(up)) for name, value in kind.settings.items()}
    with relays.sluice(up, **settings) as subject:
        if kind.counts:  # a vocabulary is loaded once for each process; that has a row of its own
            _counted(subject.port, kind.key)
        probe = Probe(subject.port, kind.key)
        time.sleep(WARM_SECONDS)
        request = b"" if kind is _IDLE else kind.request()
        probe.watch()
        begun = time.monotonic()
        if request:
            status, _ = send(subject.port, request)
            if status not in kind.statuses:
                raise LoadError(f"{kind.name}: the status is {status}.")
        lasted = time.monotonic() - begun
        time.sleep(TAIL_SECONDS if request else IDLE_SECONDS)
        return probe.close(), lasted


def send(port: int, request: bytes, ceiling: float = CEILING) -> tuple[int, bytes]:
    """The status and all bytes of the answer to a request whose connection ends with it."""
    with socket.create_connection(("127.0.0.1", port), ceiling) as connection:
        with suppress(ConnectionError):  # it may be answered before its end
            connection.sendall(request)
        pieces = []
        while data := connection.recv(1_000_000):
            pieces.append(data)
    answer = b"".join(pieces)
    if not answer.startswith(b"HTTP/1.1 "):
        raise LoadError(f"The answer begins with {answer[:200]!r}.")
    return int(answer[9:12]), answer


def _counted(port: int, key: str) -> None:
    body = b'{"model":"%s","messages":[{"role":"user","content":"Hi"}]}'
    for model in (b"gpt-4o-mini", b"gpt-3.5-turbo"):  # one for each vocabulary
        made = body % model
        path = f"{CHAT}/input_tokens"
        send(port, head("POST", path, key, len(made), more="Connection: close\r\n") + made)


def measure(runs: int, only: str = "") -> list[Stalls]:
    """Every kind whose name has `only` in it, and the idle server. The kinds take turns, so that noise falls on all."""
    kinds = [kind for kind in (_IDLE, *KINDS) if only in kind.name or kind is _IDLE]
    found = [Stalls(kind.name) for kind in kinds]
    with relays.started([sys.executable, "-m", "benchmarks.stall_upstream"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        up = int(process.stdout.readline())
        for number in range(runs):
            for kind, one in zip(kinds, found, strict=True):
                print(f"stalls, run {number + 1} of {runs}: {kind.name} …", file=sys.stderr, flush=True)
                longest, lasted = run(kind, up)
                one.longest.append(longest)
                if kind is not _IDLE:
                    one.lasted.append(lasted)
    return found


def told(found: Sequence[Stalls]) -> str:
    """The table."""
    rows = [["while one of these runs", "longest stall of other callers, ms", "of all runs, ms", "it takes, s"]]
    for one in found:
        millis = sorted(value * 1e3 for value in one.longest)
        lasted = f"{statistics.median(one.lasted):.2f}" if one.lasted else "–"
        rows.append([one.name, f"{statistics.median(millis):.0f}", f"{millis[0]:.0f} to {millis[-1]:.0f}", lasted])
    return markdown(rows)


def main() -> int:
    """Measure and print; 1 with the reason on stderr where that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stalls", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N")
    parser.add_argument("--only", default="", metavar="TEXT", help="only kinds with this in their names")
    options = parser.parse_args()
    others = Others()
    try:
        found = measure(options.runs, options.only)
    except (LoadError, relays.StartError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{time.strftime('%Y-%m-%d')} · {options.runs} runs · {others.told()}\n\n{told(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
