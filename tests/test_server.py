"""What is done to uvicorn: one packet for head and body, smaller reads, and the parser that is there."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import pytest
from uvicorn.importer import import_from_string
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.adapters import server
from proxy.adapters.server import READ_BYTES, Transport
from tests.conftest import Serve
from tests.support.talk import opened
from tests.support.upstream import Upstream, Wait, stream


class Written:
    """A transport that only notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append(b"(closed)")

    def is_closing(self) -> bool:
        return False


class Reading(Written):
    max_size = 262_144


def wrapped(inner: Written) -> Transport:
    return Transport(cast(asyncio.Transport, inner))


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ([HEAD, b"body"], [HEAD + b"body"]),
        ([HEAD, b"", b"piece"], [HEAD, b"piece"]),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, b"x"], [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"x"]),
        ([HEAD, b"a", HEAD, b"b"], [HEAD + b"a", HEAD + b"b"]),
        ([HEAD], []),
    ],
)
def test_a_head_goes_out_with_what_follows(written: list[bytes], sent: list[bytes]) -> None:
    inner = Written()
    transport = wrapped(inner)
    for data in written:
        transport.write(data)
    assert inner.done == sent


def test_closing_loses_nothing() -> None:
    inner = Written()
    transport = wrapped(inner)
    transport.write(HEAD)
    transport.close()
    transport.close()
    assert inner.done == [HEAD, b"(closed)", b"(closed)"]
    assert transport.is_closing() is False


def test_reads_are_made_smaller_where_the_loop_lets_them() -> None:
    inner = Reading()
    wrapped(inner)
    assert inner.max_size == READ_BYTES


def test_httptools_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert issubclass(server.protocol(), HttpToolsProtocol)
    assert issubclass(import_from_string(server.PROTOCOL), HttpToolsProtocol)
    with pytest.raises(AttributeError):
        server.Nothing  # noqa: B018
    assert issubclass(server.protocol(httptools=False), H11Protocol)
    monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    assert issubclass(server.protocol(), H11Protocol)
    assert server.settings(port=1)["port"] == 1


def test_a_stream_s_head_is_there_before_its_first_event(upstream: Upstream, serve: Serve) -> None:
    """Kept back until there is a body, it would make an app wait for the model's first word."""
    upstream.play((*stream(end=())[:1], Wait(), *stream(b"data: x\n\n")[1:]))
    connection = opened(serve, {})
    result = connection.head()
    assert result.status == 200
    upstream.proceed()
    assert b"".join(connection.writes(result)) == b"data: x\n\n"
    connection.close()
