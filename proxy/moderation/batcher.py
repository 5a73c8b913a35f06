"""A stream of events cut into batches, each to be checked and let through as one. Pure.

A batch ends where a sentence and an event end together. So that nothing stalls, one that has become old or long ends
between two words, and one that is far too old or too long ends anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.moderation.sentences import ends, ends_between, in_word
from proxy.moderation.verdict import Text
from proxy.moderation.windows import remembered
from proxy.protocols.base import Protocol
from proxy.protocols.texts import EventTexts, Place, is_escaped, is_name, joined, readable, readable_length

# Seconds and characters after which a batch ends at the next word; after twice as much it ends anywhere.
SECONDS, LENGTH = 0.5, 400
_TWICE = 2
_EVENT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole events as they came, and the texts in them; without any there is nothing to check.

    `unreadable`: one of the events says something that cannot be read, and so not be checked.
    """

    events: bytes
    texts: tuple[Text, ...]
    unreadable: bool = False


class _Thread:
    """One text of a stream: the end of what was checked of it, and what is new in the open batch."""

    __slots__ = ("_pieces", "_said", "before", "begun", "ended", "new")

    def __init__(self) -> None:
        self.before = ""  # as it was read
        self.begun = ""  # an escape that was cut between two batches: it says nothing before its end is there
        self.new = ""
        self.ended = False
        self._said = ""
        self._pieces: list[str] = []  # what was said behind that; put together only where a text may repeat it

    def add(self, text: str) -> None:
        """Take the next piece."""
        self.new += self.begun + text
        self.begun = ""
        self._pieces.append(text)

    def forget(self, said: str) -> None:
        """Begin anew with a text of which nothing was said before `said`."""
        self._said, self._pieces = said, []

    @property
    def said(self) -> str:
        """All of it, to know it again where it is repeated."""
        if self._pieces:
            self._said = joined(self._said, *self._pieces)
            self._pieces.clear()
        return self._said

    def says(self, text: str) -> bool:
        """Whether `text` was said here: all that was, or its beginning up to between two words.

        Not anywhere within it: `ass` is a word that is not in `class`.
        """
        said, end = self.said, len(text)
        return said.startswith(text) and not (end < len(said) and in_word(text[-1]) and in_word(said[end]))

    @property
    def between_words(self) -> bool:
        return self.ended or not self.new or not in_word(self.new[-1])


class Cutter:
    """Takes events, gives batches in their order.

    While `busy` only size ends a batch: the checks are behind, and what comes meanwhile is better asked about at once.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._threads: dict[Place, _Thread] = {}
        self._events: list[bytes] = []
        self._bytes = 0
        self._length = 0
        self._since = 0.0
        self._due = self._unreadable = False
        self.busy = False

    def feed(self, event: bytes, now: float) -> list[Batch]:
        """Take one event that came at `now`, in seconds; the batches that end in front of it or with it."""
        said = self._protocol.event_texts(event)
        batches: list[Batch] = []
        if self._length and said.new and not self.busy and self._ends_before(*said.new[0]):
            batches.append(self._close())
        was_empty = not self._length
        self._events.append(event)
        self._bytes += len(event)
        self._unreadable = self._unreadable or said.unreadable
        for place, text in said.new:
            self._add(place, text)
        for place, text in said.repeated:  # behind the pieces: some say with each of them what they have said so far
            self._again(place, text)
        if was_empty:
            self._since = now
        self._end(said)
        if not self._length or self._is_full or (not self.busy and self._is_over(said, now)):
            batches.append(self._close())
        return batches

    def tick(self, now: float) -> Batch | None:
        """The open batch, if its time is up."""
        if not self._length or self.busy:
            return None
        age = now - self._since
        if age >= self._patience:
            return self._close()
        return None

    def wait(self, now: float) -> float | None:
        """Seconds until `tick` is worth a call, None while nothing but an event changes anything."""
        if not self._length or self.busy:
            return None
        return max(0.0, self._since + self._patience - now)

    def rest(self) -> Batch | None:
        """What is left at the end of the stream."""
        return self._close() if self._events else None

    @property
    def size(self) -> int:
        """The bytes of the open batch."""
        return self._bytes

    @property
    def _patience(self) -> float:
        """The age that the open batch may reach as it is."""
        if not self._is_between_words:
            return _TWICE * SECONDS
        return 0.0 if self._due else SECONDS

    @property
    def _is_full(self) -> bool:
        return self._length >= _TWICE * LENGTH * (_TWICE if self.busy else 1) or self._bytes >= _EVENT_BYTES

    @property
    def _is_between_words(self) -> bool:
        return all(thread.between_words for thread in self._threads.values())

    def _is_over(self, said: EventTexts, now: float) -> bool:
        if said.ended is None:
            return True
        age = now - self._since
        self._due = self._due or self._length >= LENGTH or age >= SECONDS
        return (self._due and self._is_between_words) or age >= _TWICE * SECONDS

    def _ends_before(self, place: Place, text: str) -> bool:
        """Whether a batch that is due, or at the end of a sentence, ends in front of this text."""
        thread = self._threads.get(place)
        if thread is None or not thread.new or in_word(text[0]):
            return False
        others = all(one.between_words for one in self._threads.values() if one is not thread)
        return others and (self._due or ends_between(thread.new, text))

    def _add(self, place: Place, text: str) -> None:
        thread = self._threads.setdefault(place, _Thread())
        named = is_name(str(place[-1]))
        if named and text == thread.said:
            return
        thread.add(text)
        thread.ended = named
        self._due = self._due or ends(thread.new)
        self._length += len(text)

    def _again(self, place: Place, text: str) -> None:
        """Take a whole text; what was said of it already, in pieces or as a shorter one, is not new."""
        for other, thread in self._threads.items():
            # The same characters are another text where they are read as escapes and where they are not.
            if thread.says(text) and ("\\" not in text or is_escaped(str(other[-1])) == is_escaped(str(place[-1]))):
                return
        thread = self._threads.setdefault(place, _Thread())
        said = thread.said
        if text.startswith(said):
            self._add(place, text[len(said) :])
        else:
            self._add(place, f"\n{text}")  # not to be read as one word with what stood there before
            thread.forget(text)
        thread.ended = True

    def _end(self, said: EventTexts) -> None:
        for place, thread in self._threads.items():
            if said.ended is None or place[0] in said.ended:
                thread.ended = True
                self._due = self._due or bool(thread.new)

    def _close(self) -> Batch:
        texts = []
        for place, thread in self._threads.items():
            if thread.new:
                name = str(place[-1])
                at = readable_length(name, thread.new)
                text = readable(name, thread.new[:at])
                texts.append(Text(text, thread.before))
                thread.before = remembered(thread.before, text)
                thread.new, thread.begun = "", thread.new[at:]
        batch = Batch(b"".join(self._events), tuple(texts), self._unreadable)
        self._events, self._bytes, self._length = [], 0, 0
        self._due = self._unreadable = False
        return batch
