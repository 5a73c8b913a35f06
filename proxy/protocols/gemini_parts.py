"""Read the candidates and parts of Gemini's chunks and answers, whatever their types. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy.protocols.members import as_list

# Members that a part of plain text may have.
_PLAIN = frozenset(("text", "thought"))


def candidates_in(chunk: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The candidates of a chunk with their indices. Google omits an index of 0."""
    for position, candidate in enumerate(as_list(chunk.get("candidates"))):
        if isinstance(candidate, dict):
            yield index_of(candidate, position), candidate


def index_of(candidate: dict[str, Any], position: int = 0) -> int:
    """The index of the candidate at `position` in its chunk."""
    index = candidate.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else position


def is_finished(candidate: dict[str, Any]) -> bool:
    """Whether it has a finish reason."""
    return candidate.get("finishReason") not in (None, "", 0, "FINISH_REASON_UNSPECIFIED")


def is_blocked(chunk: dict[str, Any]) -> bool:
    """Whether the prompt was blocked, so that there are no candidates."""
    feedback = chunk.get("promptFeedback")
    return isinstance(feedback, dict) and bool(feedback.get("blockReason"))


def parts_of(candidate: dict[str, Any]) -> list[Any]:
    """The parts of a candidate's content."""
    content = candidate.get("content")
    return as_list(content.get("parts")) if isinstance(content, dict) else []


def generates(part: Any) -> bool:
    """Whether a part has any content."""
    return isinstance(part, dict) and any(
        value for name, value in part.items() if name not in ("thought", "thoughtSignature")
    )


def is_plain(part: Any) -> bool:
    """Whether a part is text and nothing else, so that its neighbours may continue it.

    A part with a signature must be returned to Google as it is, and so must never be joined with another one.
    """
    return isinstance(part, dict) and part.keys() <= _PLAIN and isinstance(part.get("text"), str)


def is_thought(part: dict[str, Any]) -> bool:
    """Whether a part is a summary of the model's thoughts."""
    return bool(part.get("thought"))
