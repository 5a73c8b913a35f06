"""The chunks of one chat completion. Pure."""

from __future__ import annotations

import re
from typing import Any

from proxy.protocols.translate.chat_to_responses.usage import completion_usage
from proxy.protocols.translate.names import digest

Chunk = dict[str, Any]

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID_LENGTH = 24
_MAX_DATE = 2**53


class Chunks:
    """Writes chunks with the same id, date and model. `model` and `seed` count if the response has no model or id."""

    def __init__(self, model: str, seed: str) -> None:
        self._seed = seed
        self._head: Chunk = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": model}
        self._chunks: list[Chunk] = []
        self._has_begun = False

    def take(self) -> list[Chunk]:
        """The chunks since the last time."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def identify(self, response: dict[str, Any]) -> None:
        """Take the id, the date and the model from a response, unless a chunk has them already."""
        if self._has_begun:
            return
        if isinstance(identifier := response.get("id"), str):
            self._seed = identifier or self._seed
        if isinstance(date := response.get("created_at"), (int, float)) and 0 < date < _MAX_DATE:
            self._head["created"] = int(date)
        if isinstance(model := response.get("model"), str):
            self._head["model"] = model or self._head["model"]

    def call_id(self, number: int) -> str:
        """An id for a call that has none."""
        return f"call_{digest(f'{self._seed} {number}')[:_ID_LENGTH]}"

    def write(self, delta: dict[str, Any], finish_reason: str | None = None) -> None:
        """Write a delta, after the role if it is the first one."""
        if not self._has_begun:
            self._has_begun = True
            identifier = self._seed.removeprefix("resp_")
            if not _PLAIN_ID.fullmatch(identifier):
                identifier = digest(self._seed)[:_ID_LENGTH]
            self._head["id"] = f"chatcmpl-{identifier}"
            self.write({"role": "assistant", "content": ""})
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        self._chunks.append({**self._head, "choices": [choice]})

    def write_usage(self, usage: dict[str, Any]) -> None:
        """Write the usage of the response."""
        self._chunks.append({**self._head, "choices": [], "usage": completion_usage(usage)})
