"""Content-Encoding: what the standard library can open, piece by piece and in bounded portions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from proxy.errors import UpstreamDisconnected
from proxy.messages import Headers

_PORTION_BYTES = 65_536


def encoding(head: Headers) -> str:
    """The encoding that the head names, lower case; `identity` where it names none, as some servers do with a word."""
    name = (head.get("content-encoding") or "").strip().lower()
    return "identity" if name in ("", "none", "utf-8") else name


def opens(name: str) -> bool:
    """Whether `Inflater` opens this encoding. It does not know br and zstd: they are not in the standard library."""
    return name in ("gzip", "x-gzip", "deflate")


class Inflater:
    """Opens gzip and zlib. A small piece may hold very much, so it comes out in portions of 64 KB."""

    def __init__(self) -> None:
        import zlib  # only an upstream that compresses unasked, an error page or a log line needs it

        self._error = zlib.error
        self._new = partial(zlib.decompressobj, wbits=zlib.MAX_WBITS | 32)  # 32: the header tells gzip from zlib
        self._inflater = self._new()

    def end(self) -> None:
        """Raise UpstreamDisconnected when the body broke off before its own end."""
        if not self._inflater.eof:
            raise UpstreamDisconnected

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What `piece` holds. Raises UpstreamDisconnected where it cannot be opened."""
        try:
            while piece:
                if self._inflater.eof:  # gzip may have several members, one behind the other
                    self._inflater = self._new()
                yield self._inflater.decompress(piece, _PORTION_BYTES)
                piece = self._inflater.unconsumed_tail or self._inflater.unused_data
        except self._error:
            raise UpstreamDisconnected("The upstream sent a compressed body that cannot be read.") from None


def plain(body: bytes, name: str, most: int) -> bytes:
    """`body` opened, up to about `most` bytes of it; b"" where it cannot be."""
    if name == "identity":
        return body
    if not opens(name):
        return b""
    portions: list[bytes] = []
    try:
        for portion in Inflater().feed(body):
            portions.append(portion)
            if len(portions) * _PORTION_BYTES > most:
                break
    except UpstreamDisconnected:
        return b""
    return b"".join(portions)
