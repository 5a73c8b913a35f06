"""Nobody waits for another: while a request runs that is dear to look at, streams go on and a signal ends the process.

The requests are those of benchmarks.stall_kinds. That measures stalls in milliseconds (docs/performance.md); here they
only have to be far from seconds, on a machine that may be busy with other things.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, closing, suppress

import pytest

from benchmarks.stall_kinds import CHAT, KINDS, Kind
from benchmarks.stall_upstream import PROBE, answer_to
from tests.support.client import Connection, call
from tests.support.process import port_of, served, wait_until_up
from tests.support.talk import event
from tests.support.upstream import SSE_HEAD, Received, Script, Upstream, Wait, chunk

pytestmark = pytest.mark.any_python("far from seconds on one Python is far from seconds on all")
CHUNKS = 20  # that pass at the least
LONGEST_SECONDS = 2.0  # for one of them to pass, or for /healthz to answer
CEILING_SECONDS = 60.0  # for the dear request itself, and for the process to end
LIST = next(one.name for one in KINDS if "models" in one.name)


class Sent:
    """A request that is sent, and its answer awaited, while the test does something else."""

    def __init__(self, port: int, request: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), CEILING_SECONDS)
        self._request = request
        self.under_way, self.answered = threading.Event(), threading.Event()
        self.answer = b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pieces = []
        with suppress(OSError):  # it may be answered before its end, or closed by the test
            self._socket.sendall(self._request)
        self.under_way.set()
        with suppress(OSError):
            while data := self._socket.recv(1_000_000):
                pieces.append(data)
        self.answer = b"".join(pieces)
        self.answered.set()

    def close(self) -> None:
        with suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(CEILING_SECONDS)
        self._socket.close()


class Probe:
    """Another caller's stream. The upstream sends a chunk only once the one before it has been seen here."""

    def __init__(self, port: int, key: str, upstream: Upstream) -> None:
        self._upstream = upstream
        self._connection = Connection(port)
        self._connection.socket.settimeout(CEILING_SECONDS)
        body = b'{"model":"gpt-4o-mini","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"%s"}]}'
        headers = (("Authorization", f"Bearer {key}"), ("Content-Type", "application/json"))
        self._connection.send("POST", CHAT, headers, body % PROBE.encode())
        head = self._connection.head()
        assert head.status == 200
        self._writes = self._connection.writes(head)
        assert next(self._writes)

    def step(self) -> None:
        self._upstream.proceed()
        assert next(self._writes)

    def close(self) -> None:
        self._connection.close()


def script(received: Received) -> Script:
    """An endless stream, a hand-shake for each chunk, or what the dear request gets."""
    if received.target == CHAT and PROBE.encode() in received.body[:1_000]:
        return (SSE_HEAD, *((chunk(event("water")), Wait()) * 200_000))
    return (answer_to(received.target, received.body),)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.replace(" ", "-"))
def test_nobody_waits_for_another(kind: Kind, upstream: Upstream) -> None:
    upstream.choose = script
    answer_to("/v1/models" if kind.name == LIST else "", b"")  # made now: the probe must not wait for it either
    settings = {name: value.replace("{upstream}", str(upstream.port)) for name, value in kind.settings.items()}
    request = kind.request()
    with served(OPENAI_BASE_URL=upstream.url, **settings) as (process, printed), ExitStack() as stack:
        port = port_of(printed)
        wait_until_up(port)
        probe = stack.enter_context(closing(Probe(port, kind.key, upstream)))
        dear = stack.enter_context(closing(Sent(port, request)))
        passed, longest, begun = 0, 0.0, time.monotonic()
        while passed < CHUNKS or not dear.answered.is_set():
            before = time.monotonic()
            probe.step()
            if passed % CHUNKS == 0:
                assert call(port, "GET", "/healthz").status == 200
            passed, longest = passed + 1, max(longest, time.monotonic() - before)
            assert time.monotonic() - begun < CEILING_SECONDS
        assert longest < LONGEST_SECONDS
        assert int(dear.answer.split(b" ", 2)[1]) in kind.statuses
        again = stack.enter_context(closing(Sent(port, request)))
        assert again.under_way.wait(CEILING_SECONDS)
        probe.step()
        process.send_signal(signal.SIGTERM)
        stack.close()  # both callers leave: what they had asked for is not waited for
        assert process.wait(CEILING_SECONDS) in (0, -signal.SIGTERM)
