"""The scripted upstream keeps tests apart: what one has left behind takes nothing from the next."""

from __future__ import annotations

from tests.support.client import Connection
from tests.support.upstream import END, SSE_HEAD, Upstream, Wait, chunk

KEY = (("Content-Type", "application/json"),)


def test_a_stream_that_still_waits_does_not_take_the_next_test_s_permit(upstream: Upstream) -> None:
    def begun(text: bytes) -> Connection:
        upstream.play((SSE_HEAD, chunk(text), Wait(), chunk(b"more"), END))
        connection = Connection(upstream.port)
        connection.send("POST", "/v1/chat/completions", KEY, b"{}")
        return connection

    left = begun(b"old")
    assert next(left.writes(left.head())) == b"old"
    here = begun(b"new")
    writes = here.writes(here.head())
    assert next(writes) == b"new"
    upstream.proceed()
    assert list(writes) == [b"more"]
    left.close()
    here.close()
