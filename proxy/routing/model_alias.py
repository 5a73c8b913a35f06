"""The stage that gives an answer's model the name that the caller asked for, where the upstream has another one."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator

from proxy.call import Call
from proxy.messages import ByteStream, Headers, Wrapper, media_type
from proxy.routing.model_field import LISTED, named
from proxy.wire import safe_json, work
from proxy.wire.work import Slices

_MENTION = (b'"model"', b'"id"')
# What providers put behind a model's name for one state of it: gpt-4o-mini-2024-07-18, gpt-4-0613.
_STATE = re.compile(r"-[\d-]+")
_MAX_BYTES = 16_000_000  # bytes of an answer that are held for its name; a longer one keeps the upstream's


async def apply(call: Call) -> Wrapper:
    """Ask for an answer that can be read here, and rename in what comes back."""
    call.plan.reads_answer = True
    renamer = _Renamer(call, named(call) or "")
    return Wrapper(renamer.renamed_stream)


class _Renamer:
    """Events one by one; a JSON answer as a whole, since its name may be cut in two and its length changes."""

    def __init__(self, call: Call, name: str) -> None:
        self._call = call
        self._name = json.dumps(name).encode()
        self._member = "id" if call.path.startswith(LISTED) else "model"
        self._held: list[bytes] = []
        self._size = 0

    async def renamed_stream(self, stream: ByteStream) -> AsyncGenerator[bytes, None]:
        """`stream` with the caller's name for the model."""
        begun = False
        try:
            async for piece in stream:
                if (passes := await self._take(piece)) is not None:
                    begun = True
                    yield passes
        finally:
            await stream.aclose()
        if self._held or not begun:
            yield await self._whole(begun)

    async def _take(self, piece: bytes) -> bytes | None:
        """What can go on now; None while all of it is held."""
        call = self._call
        if call.outcome.target is None or call.outcome.target.model is None or call.request.method == "HEAD":
            return piece
        if call.is_sse:
            return await work.run(self._events(piece), call.host.clock)
        if media_type(call.outcome.headers or Headers()) != "application/json" or self._size > _MAX_BYTES:
            return piece
        if not self._held and not piece.strip():
            return piece or None  # blanks in front keep a connection alive; the head may wait
        self._held.append(piece)
        self._size += len(piece)
        if self._size <= _MAX_BYTES:
            return None
        held, self._held = b"".join(self._held), []
        return held

    async def _whole(self, begun: bool) -> bytes:
        call = self._call
        told = b"".join(self._held)
        headers = call.outcome.headers or Headers()
        # An upstream that compresses although it was asked not to keeps its name for the model.
        if "content-encoding" not in headers:
            told = await work.run(self._object(told), call.host.clock)
        headers.remove("etag")
        if not begun:
            call.outcome.head_came(call.outcome.status, headers, len(told), whole=True)
        return told

    def _events(self, piece: bytes) -> Slices[bytes]:
        if _MENTION[0] not in piece:
            return piece
        lines = re.split(rb"(\r\n|\n|\r)", piece)
        for at, line in enumerate(lines):
            if line.startswith(b"data:") and _MENTION[0] in line:
                lines[at] = line[:5] + (yield from self._object(line[5:]))
        return b"".join(lines)

    def _object(self, data: bytes, inner: bool = False) -> Slices[bytes]:
        """A JSON object with the caller's name for its own model and for that of the `response` in it."""
        found = yield from safe_json.scan(data)
        pieces: list[bytes] = []
        at = 0
        for member in found.members if found else ():
            told = value = data[member.value : member.end] if member.name in (self._member, "response") else b""
            if member.name == self._member:
                told = self._renamed(value)
            elif member.name == "response" and not inner:
                told = yield from self._object(value, inner=True)
            if told is not value:
                pieces += [data[at : member.value], told]
                at = member.end
        return b"".join([*pieces, data[at:]])

    def _renamed(self, value: bytes) -> bytes:
        target = self._call.outcome.target
        try:
            told = json.loads(value)
        except ValueError:
            return value
        if target is None or target.model is None or not isinstance(told, str):
            return value
        outcome = self._call.outcome
        outcome.model = outcome.model or told  # what it really was is worth knowing
        is_theirs = told == target.model or (
            told.startswith(target.model) and _STATE.fullmatch(told[len(target.model) :])
        )
        return self._name if is_theirs else value
