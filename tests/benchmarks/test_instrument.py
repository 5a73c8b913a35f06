"""A short run of the instrument itself: the bare relay, and a crowd of streams through it."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from benchmarks import capacity, measure, relays
from benchmarks.crowd import Crowd
from benchmarks.load import LoadError
from benchmarks.measure import Effort, Figures
from benchmarks.relays import Subject
from benchmarks.results import BARE

needs_epoll = pytest.mark.skipif(sys.platform != "linux", reason="the crowd needs epoll")
TINY = Effort(rounds=1, seconds=0.1, streams=3, rested=2, paced=5, burst=1_000, precision=0.0, cold=0, stalls=0)


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with closing(Crowd()) as made:
        yield made


def test_a_round_through_the_bare_relay() -> None:
    figures = Figures(BARE)
    with relays.upstream() as up, relays.bare(up.port) as subject:
        measure.measure(subject, figures, TINY)
    column = figures.column()
    assert column.rate_64 > 0
    for seconds in (column.wait_1_p50, column.call_cpu_16, column.first_p50, column.burst_cpu, column.stream_cpu):
        assert 0 < seconds < 1
    assert column.memory > 1_000_000


@needs_epoll
def test_a_crowd_needs_no_relay(crowd: Crowd) -> None:
    with crowd.streaming(crowd.port, 20):
        window = crowd.observe(0.3, Subject(crowd.port))
    assert window.streams == 20
    assert 120 <= window.written <= 1_000  # 240 as planned; a busy machine may look late, and longer
    assert abs(window.arrived - window.written) <= 20
    assert 0 < window.delay_p50 <= window.delay_p99 < 0.3
    assert window.relay_cpu_per_chunk == 0


@needs_epoll
def test_a_crowd_through_the_bare_relay_leaves_nothing_behind(crowd: Crowd) -> None:
    with relays.bare(crowd.port) as subject:
        assert subject.process is not None
        for _ in range(2):
            assert 0 < capacity.cpu_per_chunk(crowd, subject, 8, 0.2) < 0.01
            assert 0 < capacity.cpu_per_chunk(crowd, subject, 8, 0.2, in_step=True) < 0.01
        assert len(subject.process.net_connections("tcp")) < 8  # it listens, and some may still be closing


@needs_epoll
def test_a_relay_that_refuses_is_named(crowd: Crowd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as refusing:

        def refuse() -> None:
            connection, _ = refusing.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(LoadError, match="The response begins with"):
            crowd.streaming(refusing.getsockname()[1], 1).__enter__()
        thread.join()
