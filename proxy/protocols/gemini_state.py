"""What a Gemini stream has sent so far, and the chunks that end it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from proxy.errors import ProxyError
from proxy.protocols.base import TextState, last_event
from proxy.protocols.gemini_parts import candidates_in, generates, is_blocked, is_finished, parts_of
from proxy.wire import bounded_json, sse

# What may end a candidate, or begin another one.
_TELLING = re.compile(rb'"finishReason"|"promptFeedback"|"index"\s*:\s*[1-9]')
_USAGE = b'"usageMetadata"'
# Google sends an error in the middle of a stream as plain JSON, of one line or of several.
_ERROR = re.compile(rb'^(?:data:)?\s*\{\s*"error"\s*:', re.MULTILINE)
_IDS = ("modelVersion", "responseId")


class GeminiState(TextState):
    """Parses pieces until the first text, and after that only those that may end a candidate."""

    __slots__ = ("_choices", "_finished", "_has_begun", "_ids", "_is_blocked", "_seen", "_usage")

    def __init__(self, choices: int = 1) -> None:
        super().__init__()
        self._choices = choices
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self._has_begun = self._is_blocked = False
        self._ids: dict[str, Any] = {}
        self._usage = b""  # the last piece with a usage, parsed only if the stream has to be ended

    @property
    def is_cut(self) -> bool:
        # SDKs take a stream that ends without a finish reason for complete.
        return self._has_begun and not self.ended and not self.has_error

    def feed(self, piece: bytes) -> None:
        super().feed(piece)
        if b"error" in piece:
            self.has_error = self.has_error or _ERROR.search(piece) is not None
        self._has_begun = self._has_begun or b"data:" in piece
        if _USAGE in piece:
            self._usage = piece
        if self.has_text and not _TELLING.search(piece):
            return
        for chunk in sse.objects(piece + b"\n\n"):  # the last event may lack its empty line
            self._feed_chunk(chunk)
        self.ended = self._seen <= self._finished if self._seen else self._is_blocked

    def truncated(self, reason: str) -> bytes | None:
        if not self.has_text:
            return None
        open_candidates = self._open()
        if not open_candidates:
            return b""
        return self._end(open_candidates, "", "MAX_TOKENS", {"sluice": {"truncated": reason}})

    def filtered(self, message: str, held: bytes) -> bytes:
        for chunk in sse.objects(held) if not self._ids else ():
            self._keep_ids(chunk)
        return self._end(self._open() or [0], message, "SAFETY", {})

    def failed(self, error: ProxyError) -> bytes:
        """The error as plain JSON, the only form for which all of Google's SDKs raise an error.

        It ends with one line end: if the network joins it with an earlier event, the JavaScript SDK ignores plain JSON
        that an empty line follows, and complains of JSON that none does.
        """
        from proxy.protocols import gemini_errors  # few streams fail

        return gemini_errors.line(error)

    def _feed_chunk(self, chunk: dict[str, Any]) -> None:
        self._keep_ids(chunk)
        self._is_blocked = self._is_blocked or is_blocked(chunk)
        for index, candidate in candidates_in(chunk):
            self._seen.add(index)
            if is_finished(candidate):
                self._finished.add(index)
            self.has_text = self.has_text or any(map(generates, parts_of(candidate)))

    def _keep_ids(self, chunk: dict[str, Any]) -> None:
        self._ids = self._ids or {name: chunk[name] for name in _IDS if isinstance(chunk.get(name), str)}

    def _open(self) -> list[int]:
        return sorted({*range(self._choices), *self._seen} - self._finished)

    def _end(self, indices: Iterable[int], text: str, reason: str, mark: dict[str, Any]) -> bytes:
        chunk: dict[str, Any] = {"candidates": [ended_candidate(index, text, reason) for index in indices]}
        for _, data in sse.events(self._usage):
            value = bounded_json.parse(data, everywhere=True)  # what is nested more deeply could not be written
            if isinstance(value, dict) and isinstance(value.get("usageMetadata"), dict):
                chunk["usageMetadata"] = value["usageMetadata"]
        return last_event({**chunk, **self._ids, **mark})


def ended_candidate(index: int, text: str, reason: str) -> dict[str, Any]:
    """A candidate that ends with this text and finish reason."""
    return {"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": reason, "index": index}
