"""Shared by the chat and the completions API: streams of chunks, each with a list of choices. Pure."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from proxy.errors import ProxyError
from proxy.protocols.base import TextProtocol, TextState, last_event
from proxy.protocols.members import as_list
from proxy.wire import sse

if TYPE_CHECKING:
    from proxy.protocols.texts import EventTexts

DONE = b"data: [DONE]\n\n"
_USUAL_END = b"\n\ndata: [DONE]\n\n"
_HEAD = ("id", "object", "created", "model")
# A finish reason that is not null, as it is in all earlier chunks of OpenAI.
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
# Members that may differ between two chunks that are merged. Clients use the first chunk's.
_IGNORED = frozenset(("created", "obfuscation", "sequence_number"))


class ChunkState(TextState):
    """Parses events until the first text, and after that only from the first finish reason of a piece on."""

    __slots__ = ("_choices", "_finished", "_first", "_protocol")

    def __init__(self, protocol: ChunkProtocol, choices: int) -> None:
        super().__init__()
        self._protocol = protocol
        self._choices = choices
        self._finished: set[int] = set()
        self._first: dict[str, Any] = {}

    def feed(self, piece: bytes) -> None:
        super().feed(piece)
        self.ended = self.ended or self._protocol.ends(piece)
        if not self.has_text:
            for chunk in sse.objects(piece):
                if self._feed_chunk(chunk):
                    break  # the rest may be long: what comes in a burst is one piece
        if finished := _FINISHED.search(piece):
            for chunk in sse.objects(piece[sse.event_start(piece, finished.start()) :]):
                self._feed_chunk(chunk)

    def truncated(self, reason: str) -> bytes | None:
        if not self.has_text:
            return None
        mark = {"sluice": {"truncated": reason}}
        ends = [last_event(self._chunk(self._closed(index), mark)) for index in self._open()]
        return b"".join([*ends, DONE])

    def filtered(self, message: str, held: bytes) -> bytes:
        if not self._first:
            first = next((chunk for chunk in sse.objects(held) if chunk.get("id")), {})
            self._first = {name: value for name, value in first.items() if name in _HEAD}
        content = self._protocol.filtered(message, not self.has_text)
        ends = [
            sse.event(self._chunk({**self._closed(index), "finish_reason": "content_filter", **content}, {}))
            for index in self._open()
        ]
        return b"".join([*ends, DONE])

    def failed(self, error: ProxyError) -> bytes:
        return last_event({"error": error.fields()})

    def _feed_chunk(self, chunk: dict[str, Any]) -> bool:
        """Observe one chunk. Returns whether there has been any text."""
        # Azure's first chunk has neither id nor choices, so take the first one that has an id.
        if not self._first and chunk.get("id"):
            self._first = chunk
        for choice in as_list(chunk.get("choices")):
            if isinstance(choice, dict):
                self._feed_choice(choice)
        return self.has_text

    def _feed_choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        # Anything but the role: content, reasoning, a refusal, a tool call, audio.
        content = {**delta, "role": None} if isinstance(delta, dict) else {"text": choice.get("text")}
        self.has_text = self.has_text or any(content.values())
        index = choice.get("index", 0)
        if choice.get("finish_reason") and isinstance(index, int):
            self._finished.add(index)

    def _open(self) -> list[int]:
        return [index for index in range(self._choices) if index not in self._finished]

    def _chunk(self, choice: dict[str, Any], mark: dict[str, Any]) -> dict[str, Any]:
        head = dict(zip(_HEAD, ("", self._protocol.chunk_object, 0, ""), strict=True))
        head = {name: self._first.get(name, value) for name, value in head.items()}
        return {**head, "choices": [choice], **mark}

    def _closed(self, index: int) -> dict[str, Any]:
        return {"index": index, **self._protocol.silence, "logprobs": None, "finish_reason": "length"}


class ChunkProtocol(TextProtocol):
    """A protocol whose streams consist of chunks. Subclasses define the format of a choice."""

    has_usage_option = True
    chunk_object = ""
    silence: dict[str, Any] = {}  # noqa: RUF012 — never changed

    def state(self, choices: int = 1) -> TextState:
        return ChunkState(self, choices)

    def ping(self, has_ids: bool) -> bytes | None:
        return sse.PING_WITH_IDS if has_ids else sse.PING

    def ends(self, piece: bytes) -> bool:
        if piece.endswith(_USUAL_END):
            return True
        return b"[DONE]" in piece and any(data.strip() == b"[DONE]" for _, data in sse.events(piece + b"\n\n"))

    def event_texts(self, event: bytes) -> EventTexts:
        from proxy.protocols import chunk_texts, texts  # few answers are filtered

        return texts.of_event(event, chunk_texts.read)

    def withheld(self, answer: dict[str, Any], positions: list[int | None], message: str) -> dict[str, Any]:
        from proxy.protocols.json_texts import without_texts  # few answers are withheld

        kept = answer if None not in positions else without_texts(answer)
        choices = answer.get("choices")
        if not isinstance(choices, list):
            return {**kept, "choices": [self._withheld_choice({}, message)]}
        choices = [self._withheld_choice(c, message) if i in positions else c for i, c in enumerate(choices)]
        return {**kept, "choices": choices}

    @abstractmethod
    def filtered(self, message: str, first: bool) -> dict[str, Any]:
        """The members of a streamed choice with the text `message`; `first`: no text precedes it."""

    @abstractmethod
    def message(self, message: str) -> dict[str, Any]:
        """The members of a whole answer's choice with the text `message`."""

    def _withheld_choice(self, choice: Any, message: str) -> dict[str, Any]:
        index = choice.get("index", 0) if isinstance(choice, dict) else 0
        return {"index": index, **self.message(message), "logprobs": None, "finish_reason": "content_filter"}


def merged_chunk(held: dict[str, Any], following: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any] | None:
    """Both chunks as one with `choice`; None if other members differ, or usage would be lost."""
    if held.get("usage") and not following.get("usage"):
        return None
    names = (held.keys() | following.keys()) - {"choices", "usage"} - _IGNORED
    if any(held.get(name) != following.get(name) for name in names):
        return None
    usage = {"usage": following["usage"]} if "usage" in following else {}
    late = {name: value for name, value in following.items() if name in _IGNORED and name not in held}
    return {**held, "choices": [choice], **late, **usage}


def merged_choice(first: dict[str, Any], second: dict[str, Any], text: str, value: Any) -> dict[str, Any] | None:
    """Both choices as one, with `value` as the member called `text` and their logprobs joined.

    None if another member differs.
    """
    from proxy.protocols.merge import DIFFERENT, joined_logprobs, logprobs_member

    names = (first.keys() | second.keys()) - {text, "logprobs"}
    if any(first.get(name) != second.get(name) for name in names):
        return None
    logprobs = joined_logprobs(first.get("logprobs"), second.get("logprobs"))
    if logprobs is DIFFERENT:
        return None
    return {**second, **first, **logprobs_member({**first, **second}, logprobs), text: value}
