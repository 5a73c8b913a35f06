"""Bytes exact: recorded streams however they are cut, compressed answers, long events."""

from __future__ import annotations

import gzip
import json
import zlib

import brotli
import pytest

from tests.conftest import Serve
from tests.support.client import call
from tests.support.streams import recorded
from tests.support.talk import CHAT, KEY, PLAIN, QUICK, event, opened
from tests.support.upstream import (
    END,
    SSE_HEAD,
    Cut,
    Sleep,
    Upstream,
    Wait,
    chunk,
    stream,
    whole,
)
from tests.support.upstream import head as response_head


def test_one_event_of_a_megabyte_passes_whole(upstream: Upstream, serve: Serve) -> None:
    one = b"data: " + "字".encode() * 400_000 + b"\n\n"
    upstream.play(stream(*(one[i : i + 10_007] for i in range(0, len(one), 10_007))))
    assert call(serve().port, "POST", "/v1/chat/completions", KEY, CHAT).writes == [one]


@pytest.mark.parametrize("size", [1, 7, 97])
def test_recorded_streams_come_out_identical_however_they_are_cut(upstream: Upstream, serve: Serve, size: int) -> None:
    """Pieces of `size` bytes: in the middle of a character, of a CRLF, of an event."""
    # In small pieces only the short ones: each is an HTTP chunk of its own, and 7 MB of them take minutes.
    files = [file for file in recorded() if file.stat().st_size / size < 4_000]
    assert len(files) >= 5
    port = serve().port
    for file in files:
        data = file.read_bytes()
        cut = b"".join(chunk(data[i : i + size]) for i in range(0, len(data), size))
        upstream.play((SSE_HEAD + cut + END,))
        result = call(port, "POST", "/v1/chat/completions", KEY, CHAT)
        assert result.body == data, file.name
        ends = (b"\n\n", b"\n\r\n", b"\r\r")
        assert all(write.endswith(ends) for write in result.writes[:-1]), file.name
        assert not result.broken


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
def test_buffered_answers_keep_their_encoding_and_say_so(upstream: Upstream, serve: Serve, encoding: str) -> None:
    body = json.dumps({"model": "m-1", "usage": {"prompt_tokens": 3}, "text": "好" * 1000}).encode()
    packed = {"identity": body, "gzip": gzip.compress(body), "br": brotli.compress(body)}[encoding]
    fields = () if encoding == "identity" else (("Content-Encoding", encoding),)
    upstream.play(whole(packed, 200, *fields))
    server = serve()
    result = call(server.port, "POST", "/v1/embeddings", (*KEY, ("Accept-Encoding", "gzip, br")), PLAIN)
    assert upstream.received[0].header("accept-encoding") == "gzip, br"
    assert result.body == packed
    assert result.header("content-encoding") == (None if encoding == "identity" else encoding)
    assert result.header("content-length") == str(len(packed))
    line = server.line(result.header("x-sluice-request-id"))
    assert line.get("gen_ai.usage.input_tokens") == (None if encoding == "br" else 3)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_events_are_opened_and_flow(upstream: Upstream, serve: Serve, encoding: str) -> None:
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    events = [event(str(i)) for i in range(5)]
    head = response_head(
        200, ("Content-Type", "text/event-stream"), ("Content-Encoding", encoding), ("Transfer-Encoding", "chunked")
    )
    pieces = [chunk(packer.compress(one) + packer.flush(zlib.Z_SYNC_FLUSH)) for one in events]
    upstream.play((head, *(step for piece in pieces for step in (piece, Wait())), chunk(packer.flush()), END))
    connection = opened(serve)
    result = connection.head()
    assert result.header("content-encoding") is None
    for sent, got in zip(events, connection.writes(result), strict=False):
        assert got == sent
        upstream.proceed()
    assert upstream.received[0].header("accept-encoding") == "identity"
    connection.close()


def test_events_that_cannot_be_opened_pass_as_they_are(upstream: Upstream, serve: Serve) -> None:
    packed = brotli.compress(event("a") * 10)
    head = response_head(
        200, ("Content-Type", "text/event-stream"), ("Content-Encoding", "br"), ("Transfer-Encoding", "chunked")
    )
    upstream.play((head, chunk(packed[:5]), Sleep(0.15), chunk(packed[5:]), END))
    result = call(serve(**QUICK).port, "POST", "/v1/chat/completions", KEY, CHAT)
    assert result.header("content-encoding") == "br"
    assert brotli.decompress(result.body) == event("a") * 10


def test_compressed_events_in_several_members_all_arrive(upstream: Upstream, serve: Serve) -> None:
    head = response_head(200, ("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip"))
    events = [event(str(i)) for i in range(20)]
    upstream.play((head + b"".join(map(gzip.compress, events)), Cut()))
    assert call(serve().port, "POST", "/v1/chat/completions", KEY, CHAT).body == b"".join(events)


def test_compressed_events_that_break_off_are_an_error_event(upstream: Upstream, serve: Serve) -> None:
    head = response_head(200, ("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip"))
    upstream.play((head + gzip.compress(event("a") * 50)[:-20], Cut()))
    result = call(serve().port, "POST", "/v1/chat/completions", KEY, CHAT)
    assert b"upstream_disconnected" in result.writes[-1]


def test_forms_are_answered_uncompressed(upstream: Upstream, serve: Serve) -> None:
    """They may ask for a stream in a field of theirs."""
    upstream.play(stream(event("a")))
    fields = (KEY[0], ("Content-Type", "multipart/form-data; boundary=b"), ("Accept-Encoding", "gzip"))
    call(serve().port, "POST", "/v1/audio/transcriptions", fields, b"--b--")
    assert upstream.received[0].header("accept-encoding") == "identity"


def test_broken_compression_is_an_error_event(upstream: Upstream, serve: Serve) -> None:
    head = response_head(200, ("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip"))
    upstream.play((head + b"this is no gzip", Cut()))
    assert b"upstream_disconnected" in call(serve().port, "POST", "/v1/chat/completions", KEY, CHAT).body
