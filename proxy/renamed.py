"""The stage that gives an answer's model the name that the caller asked for, where the upstream has another one."""

from __future__ import annotations

import json
import re

from proxy.call import Call, media_type
from proxy.messages import Headers, Stream

# In a text every quotation mark has a backslash before it, so this is a member, wherever it stands.
_MODEL = re.compile(rb'("model"\s*:\s*)"([^"\\]{1,200})"')


def prepare(call: Call) -> None:
    """Ask for an answer that can be read here."""
    call.plain_answer = True


def wrap(call: Call, stream: Stream) -> Stream:
    """Rename in what comes back."""
    return _Renamed(call, stream)


class _Renamed(Stream):
    """Events one by one; a JSON answer as a whole, since its name may be cut in two and its length changes."""

    def __init__(self, call: Call, stream: Stream) -> None:
        self._call = call
        self._stream = stream
        self._pieces: list[bytes] = []
        self._done = False

    async def next(self, seconds: float | None = None) -> bytes | None:
        if self._done:
            raise StopAsyncIteration
        call = self._call
        while True:
            try:
                piece = await self._stream.next(seconds)
            except StopAsyncIteration:
                if not self._pieces:
                    raise
                return self._whole()
            target = call.target
            if piece is None or target is None or target.model is None:
                return piece
            if call.is_sse:
                return _renamed(piece, target.model, self._name) if piece else piece
            if media_type(call.headers or Headers()) != "application/json" or call.request.method == "HEAD":
                return piece
            self._pieces.append(piece)

    @property
    def _name(self) -> str:
        from proxy.model import named

        return named(self._call) or ""

    def _whole(self) -> bytes:
        call, self._done = self._call, True
        told = b"".join(self._pieces)
        headers = call.headers or Headers()
        # An upstream that compresses although it was asked not to keeps its name for the model.
        if call.target is not None and call.target.model is not None and "content-encoding" not in headers:
            told = _renamed(told, call.target.model, self._name)
        headers.remove("etag")
        call.head_came(call.status, headers, len(told), whole=True)
        return told

    async def aclose(self) -> None:
        await self._stream.aclose()


def _renamed(data: bytes, theirs: str, ours: str) -> bytes:
    """`data` with the caller's name wherever the upstream says its own, or that and a date behind it."""
    name = json.dumps(ours).encode()

    def replaced(match: re.Match[bytes]) -> bytes:
        told = match[2].decode("utf-8", "replace")
        return match[1] + name if told == theirs or told.startswith(f"{theirs}-") else match[0]

    return _MODEL.sub(replaced, data)
