"""Content-Encoding: decode what the standard library supports, in bounded chunks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from proxy.errors import UpstreamDisconnected
from proxy.messages import Headers

_CHUNK_BYTES = 65_536


def encoding(head: Headers) -> str:
    """The encoding that the head names, in lower case; `identity` if it names none, or a word that is no encoding."""
    name = (head.get("content-encoding") or "").strip().lower()
    return "identity" if name in ("", "none", "utf-8") else name


def can_decode(name: str) -> bool:
    """Whether `Inflater` supports this encoding. br and zstd are not in the standard library."""
    return name in ("gzip", "x-gzip", "deflate")


class Inflater:
    """Decodes gzip and zlib. A few bytes may expand to gigabytes, so the output comes in chunks of at most 64 KB."""

    def __init__(self) -> None:
        import zlib  # only needed if an upstream compresses unasked, or for error bodies and the log

        self._error = zlib.error
        self._new = partial(zlib.decompressobj, wbits=zlib.MAX_WBITS | 32)  # 32: the header tells gzip from zlib
        self._inflater = self._new()

    def end(self) -> None:
        """Raise UpstreamDisconnected if the compressed data is incomplete."""
        if not self._inflater.eof:
            raise UpstreamDisconnected

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode `data`. Raises UpstreamDisconnected if it is corrupt."""
        try:
            while data:
                if self._inflater.eof:  # gzip may have several members in a row
                    self._inflater = self._new()
                yield self._inflater.decompress(data, _CHUNK_BYTES)
                data = self._inflater.unconsumed_tail or self._inflater.unused_data
        except self._error:
            raise UpstreamDisconnected("The upstream sent a corrupt compressed body. Try again.") from None


def decoded(body: bytes, name: str, limit: int) -> bytes:
    """`body` without its encoding, up to about `limit` bytes; b"" if it cannot be decoded."""
    if name == "identity":
        return body
    if not can_decode(name):
        return b""
    chunks: list[bytes] = []
    try:
        for chunk in Inflater().feed(body):
            chunks.append(chunk)
            if len(chunks) * _CHUNK_BYTES > limit:
                break
    except UpstreamDisconnected:
        return b""
    return b"".join(chunks)
