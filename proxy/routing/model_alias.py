"""The stage that restores the caller's name for the model in an answer, if the upstream uses another name."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator

from proxy.call import Call
from proxy.messages import ByteStream, Headers, Wrapper
from proxy.protocols import registry
from proxy.routing.model_field import MODELS_PREFIX, requested_model
from proxy.wire import safe_json, work
from proxy.wire.work import Slices

_MENTION = b'"model'
# The suffix with which providers mark a snapshot of a model: gpt-4o-mini-2024-07-18, gpt-4-0613.
_SNAPSHOT = re.compile(r"-[\d-]+")
_MAX_BYTES = 16_000_000  # bytes of an answer that are held to rename its model; a longer one keeps the upstream's name


async def apply(call: Call) -> Wrapper:
    """Request an answer that can be read here, and rename the model in it."""
    call.plan.reads_answer = True
    renamer = _Renamer(call, requested_model(call) or "")
    return Wrapper(renamer.renamed_stream)


class _Renamer:
    """Renames events one by one, and a JSON answer as a whole: pieces may split the name, and the length changes."""

    def __init__(self, call: Call, name: str) -> None:
        self._call = call
        self._name = json.dumps(name).encode()
        protocol = registry.below(call.path)
        self._members = ("id",) if call.path.startswith(MODELS_PREFIX) else protocol.model_members
        self._holders = protocol.model_holders
        self._held: list[bytes] = []
        self._size = 0

    async def renamed_stream(self, stream: ByteStream) -> AsyncGenerator[bytes, None]:
        """Yield `stream` with the caller's name for the model."""
        has_begun = False
        try:
            async for piece in stream:
                if (ready := await self._take(piece)) is not None:
                    has_begun = True
                    yield ready
        finally:
            await stream.aclose()
        if self._held or not has_begun:
            yield await self._whole(has_begun)

    async def _take(self, piece: bytes) -> bytes | None:
        """Return the bytes that can go on now, None while everything is held."""
        call = self._call
        if call.outcome.target is None or call.outcome.target.model is None or call.request.method == "HEAD":
            return piece
        if call.is_sse:
            return await work.run(self._rename_events(piece), call.host.clock)
        if call.outcome.kind != "application/json" or self._size > _MAX_BYTES:
            return piece
        if not self._held and not piece.strip():
            return piece or None  # leading white space keeps a connection alive; the head may wait
        self._held.append(piece)
        self._size += len(piece)
        if self._size <= _MAX_BYTES:
            return None
        held, self._held = b"".join(self._held), []
        return held

    async def _whole(self, has_begun: bool) -> bytes:
        call = self._call
        body = b"".join(self._held)
        headers = call.outcome.headers or Headers()
        # An upstream that compresses although it was asked not to keeps its name for the model.
        if "content-encoding" not in headers:
            body = await work.run(self._rename_object(body), call.host.clock)
        headers.remove("etag")
        if not has_begun:
            call.outcome.head_came(call.outcome.status, headers, len(body), whole=True)
        return body

    def _rename_events(self, piece: bytes) -> Slices[bytes]:
        if _MENTION not in piece:
            return piece
        lines = re.split(rb"(\r\n|\n|\r)", piece)
        for position, line in enumerate(lines):
            if line.startswith(b"data:") and _MENTION in line:
                lines[position] = line[:5] + (yield from self._rename_object(line[5:]))
        return b"".join(lines)

    def _rename_object(self, data: bytes, is_inner: bool = False) -> Slices[bytes]:
        """Return a JSON object with the caller's name for its own model and for that of the answer in it."""
        scan = yield from safe_json.scan(data)
        pieces: list[bytes] = []
        copied = 0
        for member in scan.members if scan else ():
            is_relevant = member.name in self._members or member.name in self._holders
            renamed = value = data[member.value : member.end] if is_relevant else b""
            if member.name in self._members:
                renamed = self._rename_value(value)
            elif member.name in self._holders and not is_inner:
                renamed = yield from self._rename_object(value, is_inner=True)
            if renamed is not value:
                pieces += [data[copied : member.value], renamed]
                copied = member.end
        return b"".join([*pieces, data[copied:]])

    def _rename_value(self, value: bytes) -> bytes:
        target = self._call.outcome.target
        try:
            name = json.loads(value)
        except ValueError:
            return value
        if target is None or target.model is None or not isinstance(name, str):
            return value
        outcome = self._call.outcome
        outcome.model = outcome.model or name  # the log shows the model that really answered
        is_snapshot = name.startswith(target.model) and _SNAPSHOT.fullmatch(name[len(target.model) :])
        return self._name if name == target.model or is_snapshot else value
