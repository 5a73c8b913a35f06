"""The stage that reads the model and the token counts from an answer, for the log. It changes nothing."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from proxy.call import Call
from proxy.errors import UpstreamDisconnected
from proxy.messages import ByteStream, Headers, Wrapper
from proxy.protocols import usage
from proxy.protocols.base import Protocol
from proxy.wire import content_encoding

_MODEL = re.compile(rb'"model(?:Version)?"\s*:\s*"([^"\\]{1,200})"')
_MODEL_BYTES = 4_096
# Some providers put the usage first, others last, before search results.
_HEAD_BYTES, _TAIL_BYTES = 65_536, 262_144
_MAX_PLAIN_BYTES = 16_000_000  # of a compressed answer: a small one may hold very much


class Reports:
    """What the upstream has reported of this call so far: the usage objects as one, and how many there were."""

    def __init__(self) -> None:
        self.usage: dict[str, Any] = {}
        self.number = 0


async def apply(call: Call) -> Wrapper:
    """Watch calls that use tokens. Passive: a native stream may bypass it, since a log figure is not worth the cost."""
    call.plan.on_usage = record
    return Wrapper(partial(Watched, call), passive=True)


class Watched:
    """A stream, unchanged. Of a JSON body both ends are kept: the usage is in one of them.

    Of a translated call, the upstream's own answer is watched instead. No generator: asyncio keeps a list of those.
    """

    def __init__(self, call: Call, stream: ByteStream) -> None:
        self._call = call
        self._stream = stream
        self._ends: _Ends | None = None

    def __aiter__(self) -> Watched:
        return self

    async def __anext__(self) -> bytes:
        call = self._call
        try:
            piece = await self._stream.__anext__()
        except StopAsyncIteration:
            ends, self._ends = self._ends, None
            if ends is not None:
                record(call, ends.data(), call.protocol)
            raise
        if not piece or call.outcome.is_translated:
            return piece
        if call.is_sse or self._is_short_json(piece):
            record(call, piece, call.protocol)
        elif call.outcome.kind == "application/json":
            self._ends = self._ends or _Ends(content_encoding.encoding(call.outcome.headers or Headers()))
            self._ends.add(piece)
        return piece

    def _is_short_json(self, piece: bytes) -> bool:
        """Whether a piece is a whole body that can be read as it is, as most are."""
        outcome = self._call.outcome
        is_plain = outcome.headers is not None and "content-encoding" not in outcome.headers
        return outcome.whole and is_plain and outcome.kind == "application/json" and len(piece) <= _HEAD_BYTES

    async def aclose(self) -> None:
        await self._stream.aclose()


def record(call: Call, piece: bytes, protocol: Protocol) -> None:
    """Record the answer's model and usage if `piece`, which is in `protocol`, has them."""
    outcome = call.outcome
    if outcome.model is None and (match := _MODEL.search(piece[:_MODEL_BYTES])):
        outcome.model = match[1].decode("utf-8", "replace")
    if reported := protocol.usage(piece):
        from proxy.cost.figures import of_upstream  # most pieces report nothing

        reports = call.state(Reports)
        reports.usage = usage.merged(reports.usage, reported)
        reports.number += 1
        outcome.usage = of_upstream(reports.usage, outcome.target.base_url if outcome.target else None)


class _Ends:
    """The first and the last bytes of a body, opened if it is compressed."""

    def __init__(self, encoding: str) -> None:
        self._inflater = content_encoding.Inflater() if content_encoding.can_decode(encoding) else None
        self._room = _MAX_PLAIN_BYTES if self._inflater or encoding == "identity" else 0
        self._head = b""
        self._tail = bytearray()
        self._is_cut = False

    def add(self, piece: bytes) -> None:
        if self._inflater is None:
            if self._room:
                self._keep(piece)
            return
        if self._room <= 0:
            return
        try:
            for portion in self._inflater.feed(piece):
                self._keep(portion)
                self._room -= len(portion)
                if self._room <= 0:
                    break
        except UpstreamDisconnected:
            self._room = 0

    def data(self) -> bytes:
        """What is kept; a body without its middle has a line end in its place, so that nothing is read across it."""
        is_cut = self._is_cut or len(self._tail) > _TAIL_BYTES
        return self._head + (b"\n" if is_cut else b"") + bytes(self._tail[-_TAIL_BYTES:])

    def _keep(self, plain: bytes) -> None:
        if room := max(_HEAD_BYTES - len(self._head), 0):
            self._head += plain[:room]
            plain = plain[room:]
        self._is_cut = self._is_cut or len(plain) > _TAIL_BYTES
        self._tail += plain[-_TAIL_BYTES:]
        if len(self._tail) > 2 * _TAIL_BYTES:
            del self._tail[:-_TAIL_BYTES]
            self._is_cut = True
