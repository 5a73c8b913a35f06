"""Assemble a Gemini answer from its chunks, as if the upstream had not been asked for a stream. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.base import Accumulator
from proxy.protocols.gemini_parts import (
    candidates_in,
    generates,
    is_blocked,
    is_finished,
    is_plain,
    is_thought,
    parts_of,
)
from proxy.protocols.members import as_list, without


class CandidateAccumulator(Accumulator):
    """Collects the chunks of one stream. Of all members but the parts the last value counts that is not null."""

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, Any] = {}
        self._candidates: dict[int, _Candidate] = {}

    def add(self, event: dict[str, Any]) -> None:
        _update(self._fields, without(event, ("candidates", "error")))
        for index, candidate in candidates_in(event):
            self._candidates.setdefault(index, _Candidate(index)).add(candidate)
            self.has_text = self.has_text or any(map(generates, parts_of(candidate)))

    @property
    def has_begun(self) -> bool:
        return bool(self._candidates) or is_blocked(self._fields)

    @property
    def is_finished(self) -> bool:
        return self.has_begun and all(is_finished(one.fields) for one in self._candidates.values())

    def whole(self, ended: bool = False) -> dict[str, Any]:
        reason = "STOP" if ended else "MAX_TOKENS"
        candidates = [self._candidates[index].whole(reason) for index in sorted(self._candidates)]
        # A blocked prompt has no candidates.
        return {**({"candidates": candidates} if candidates else {}), **self._fields}


class _Candidate:
    """One candidate so far. `fields` are its members but for the content."""

    def __init__(self, index: int) -> None:
        self.fields: dict[str, Any] = {}
        self._index = index
        self._content: dict[str, Any] | None = None
        self._parts: list[Any] = []
        self._growing: list[str] | None = None  # the pieces of the last part, if it is plain text

    def add(self, candidate: dict[str, Any]) -> None:
        """Add what a chunk says of this candidate."""
        fields = without(candidate, ("content", "index"))
        _add_citations(self.fields, fields)
        _update(self.fields, fields)
        if isinstance(content := candidate.get("content"), dict):
            self._content = self._content or {}
            _update(self._content, without(content, ("parts",)))
        for part in parts_of(candidate):
            self._add_part(part)

    def whole(self, reason: str) -> dict[str, Any]:
        """The candidate with its finish reason, `reason` if it has none."""
        self._close()
        content: dict[str, Any] = {}
        if self._content is not None:
            parts = {"parts": list(self._parts)} if self._parts else {}
            content = {"content": {**parts, "role": "model", **self._content}}
        finish = {} if is_finished(self.fields) else {"finishReason": reason}
        return {**content, **self.fields, **finish, "index": self._index}

    def _add_part(self, part: Any) -> None:
        if not is_plain(part):
            self._close()
            self._parts.append(part)
        elif not part["text"]:
            return  # a stream often ends with an empty text, which a whole answer lacks
        elif self._growing is not None and is_thought(self._parts[-1]) == is_thought(part):
            self._growing.append(part["text"])
        else:
            self._close()
            self._parts.append(dict(part))
            self._growing = [part["text"]]

    def _close(self) -> None:
        """Write the pieces of the last part into it. Concatenating them one by one would copy all of the text."""
        if self._growing is not None:
            self._parts[-1]["text"] = "".join(self._growing)
            self._growing = None


def _update(fields: dict[str, Any], newer: dict[str, Any]) -> None:
    fields.update((name, value) for name, value in newer.items() if value is not None or name not in fields)


def _add_citations(fields: dict[str, Any], newer: dict[str, Any]) -> None:
    """Put earlier citations before those in `newer`, because a chunk may have those of its own text only."""
    before, value = fields.get("citationMetadata"), newer.get("citationMetadata")
    if not isinstance(before, dict) or not isinstance(value, dict):
        return
    earlier = as_list(before.get("citations"))
    later = [citation for citation in as_list(value.get("citations")) if citation not in earlier]
    newer["citationMetadata"] = {**before, **value, "citations": [*earlier, *later]}
