"""A stream of events in batches, each of which is checked and let through as one. Pure.

A batch ends where a sentence and an event end together. To avoid stalls, a batch that has become old or long ends
between two words, and one that is twice as old or as long ends anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.moderation.sentences import ends_sentence, ends_sentence_before, in_word
from proxy.moderation.verdict import Text
from proxy.moderation.windows import extended_context
from proxy.protocols.base import TextProtocol
from proxy.protocols.texts import EventTexts, Place, is_escaped, is_name, joined, readable, readable_length

# The age in seconds and the length in characters at which a batch ends with the next word. At twice as much it ends
# anywhere.
SECONDS, LENGTH = 0.5, 400
_TWICE = 2
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole events, unchanged, and the texts in them. Without texts there is nothing to check.

    `unreadable` says that one of the events has a text that cannot be read, and so not be checked.
    """

    events: bytes
    texts: tuple[Text, ...]
    unreadable: bool = False


class _TextStream:
    """One text of a stream: the end of its checked part, and what the open batch adds to it."""

    __slots__ = ("_pieces", "_text", "context", "has_ended", "new", "partial")

    def __init__(self) -> None:
        self.context = ""  # as a reader sees it
        self.partial = ""  # an escape that two batches share; it is read with its second part
        self.new = ""
        self.has_ended = False
        self._text = ""
        self._pieces: list[str] = []  # what follows `_text`; joined only if an event may repeat the text

    def add(self, text: str) -> None:
        """Append the next piece."""
        self.new += self.partial + text
        self.partial = ""
        self._pieces.append(text)

    def restart(self, text: str) -> None:
        """Forget everything before `text`, which is where a new text begins."""
        self._text, self._pieces = text, []

    @property
    def text(self) -> str:
        """The whole text so far, to recognise repetitions of it."""
        if self._pieces:
            self._text = joined(self._text, *self._pieces)
            self._pieces.clear()
        return self._text

    def starts_with(self, text: str) -> bool:
        """Whether `text` is the whole text, or its beginning up to the end of a word.

        A text within it does not count: `ass` is not a repetition of `class`.
        """
        whole, end = self.text, len(text)
        return whole.startswith(text) and not (end < len(whole) and in_word(text[-1]) and in_word(whole[end]))

    @property
    def is_between_words(self) -> bool:
        return self.has_ended or not self.new or not in_word(self.new[-1])


class Batcher:
    """Takes events and returns batches in their order.

    While `busy`, only size ends a batch: the checks are late, so it is better to check more text at once.
    """

    def __init__(self, protocol: TextProtocol) -> None:
        self._protocol = protocol
        self._streams: dict[Place, _TextStream] = {}
        self._events: list[bytes] = []
        self._bytes = 0
        self._length = 0
        self._opened_at = 0.0
        self._is_due = self._is_unreadable = False
        self.busy = False

    def feed(self, event: bytes, now: float) -> list[Batch]:
        """Take one event that arrived at `now`, in seconds. Return the batches that end before it or with it."""
        texts = self._protocol.event_texts(event)
        batches: list[Batch] = []
        if self._length and texts.new and not self.busy and self._ends_before(*texts.new[0]):
            batches.append(self._close())
        was_empty = not self._length
        self._events.append(event)
        self._bytes += len(event)
        self._is_unreadable = self._is_unreadable or texts.unreadable
        for place, text in texts.new:
            self._add(place, text)
        for place, text in texts.repeated:  # after the new pieces, because some events repeat the text so far
            self._add_whole(place, text)
        if was_empty:
            self._opened_at = now
        self._mark_ended(texts)
        if not self._length or self._is_full or (not self.busy and self._is_complete(texts, now)):
            batches.append(self._close())
        return batches

    def tick(self, now: float) -> Batch | None:
        """Return the open batch if its time is up."""
        if not self._length or self.busy:
            return None
        age = now - self._opened_at
        if age >= self._max_age:
            return self._close()
        return None

    def wait(self, now: float) -> float | None:
        """Return the seconds until the next `tick` is due, None if only an event can change anything."""
        if not self._length or self.busy:
            return None
        return max(0.0, self._opened_at + self._max_age - now)

    def rest(self) -> Batch | None:
        """Return what is left at the end of the stream."""
        return self._close() if self._events else None

    @property
    def size(self) -> int:
        """The bytes of the open batch."""
        return self._bytes

    @property
    def _max_age(self) -> float:
        """The age that the open batch may reach in its current state."""
        if not self._is_between_words:
            return _TWICE * SECONDS
        return 0.0 if self._is_due else SECONDS

    @property
    def _is_full(self) -> bool:
        return self._length >= _TWICE * LENGTH * (_TWICE if self.busy else 1) or self._bytes >= _MAX_BYTES

    @property
    def _is_between_words(self) -> bool:
        return all(stream.is_between_words for stream in self._streams.values())

    def _is_complete(self, texts: EventTexts, now: float) -> bool:
        if texts.ended is None:
            return True
        age = now - self._opened_at
        self._is_due = self._is_due or self._length >= LENGTH or age >= SECONDS
        return (self._is_due and self._is_between_words) or age >= _TWICE * SECONDS

    def _ends_before(self, place: Place, text: str) -> bool:
        """Whether a batch that is due, or at the end of a sentence, ends before this text."""
        stream = self._streams.get(place)
        if stream is None or not stream.new or in_word(text[0]):
            return False
        others = all(other.is_between_words for other in self._streams.values() if other is not stream)
        return others and (self._is_due or ends_sentence_before(stream.new, text))

    def _add(self, place: Place, text: str) -> None:
        stream = self._streams.setdefault(place, _TextStream())
        is_function_name = is_name(str(place[-1]))
        if is_function_name and text == stream.text:
            return
        stream.add(text)
        stream.has_ended = is_function_name
        self._is_due = self._is_due or ends_sentence(stream.new)
        self._length += len(text)

    def _add_whole(self, place: Place, text: str) -> None:
        """Add what is new in a whole text, which may repeat earlier pieces or a shorter version of itself."""
        for other, stream in self._streams.items():
            # The same characters are different texts if only one of them is read with escapes.
            if stream.starts_with(text) and (
                "\\" not in text or is_escaped(str(other[-1])) == is_escaped(str(place[-1]))
            ):
                return
        stream = self._streams.setdefault(place, _TextStream())
        known = stream.text
        if text.startswith(known):
            self._add(place, text[len(known) :])
        else:
            self._add(place, f"\n{text}")  # so that it does not continue a word of the earlier text
            stream.restart(text)
        stream.has_ended = True

    def _mark_ended(self, texts: EventTexts) -> None:
        for place, stream in self._streams.items():
            if texts.ended is None or place[0] in texts.ended:
                stream.has_ended = True
                self._is_due = self._is_due or bool(stream.new)

    def _close(self) -> Batch:
        texts = []
        for place, stream in self._streams.items():
            if stream.new:
                name = str(place[-1])
                end = readable_length(name, stream.new)
                text = readable(name, stream.new[:end])
                texts.append(Text(text, stream.context))
                stream.context = extended_context(stream.context, text)
                stream.new, stream.partial = "", stream.new[end:]
        batch = Batch(b"".join(self._events), tuple(texts), self._is_unreadable)
        self._events, self._bytes, self._length = [], 0, 0
        self._is_due = self._is_unreadable = False
        return batch
