"""The texts of an answer or of an event, as a client would read them, for a content filter. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from proxy.protocols.json_texts import read_members, strings, walk
from proxy.wire import bounded_json, sse

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r'\\(?:((?:u[0-9a-fA-F]{4}\\)*u[0-9a-fA-F]{4})|([bfnrt"/\\]))')
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\n", "t": "\t"}
# An incomplete escape, and the escape of a high surrogate.
_PARTIAL_ESCAPES = (re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z"), re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z"))
# The first element of the places of `EventTexts.repeated`.
REPEATED = "repeated"

# Where a text belongs in a stream: pieces with the same place are one text.
Place = tuple[Any, ...]
Piece = tuple[Place, str]


@dataclass(slots=True)
class EventTexts:
    """The texts of one event.

    - `new`: pieces of texts, with their places.
    - `repeated`: whole texts, which may have been sent before.
    - `ended`: the choices that end with this event; None if all do.
    - `unreadable`: the event has content that cannot be read here.
    """

    new: list[Piece] = field(default_factory=list)
    repeated: list[Piece] = field(default_factory=list)
    ended: set[Any] | None = field(default_factory=set)
    unreadable: bool = False


def of_event(event: bytes, read: Callable[[dict[str, Any], EventTexts], None]) -> EventTexts:
    """The texts of one event, as a client would read it. `read` adds those of the protocol's JSON objects."""
    texts = EventTexts()
    # Some clients also read an event without its final empty line, and some read line by line.
    for _, data in sse.events(event + b"\n\n"):
        if data.strip() == b"[DONE]":
            texts.ended = None
            continue
        try:
            value = bounded_json.loads(data, everywhere=True)
        except ValueError:
            value = data.decode("utf-8", "replace")
        except RecursionError:
            texts.unreadable = True
            continue
        if isinstance(value, dict):
            read(value, texts)
        else:
            texts.new += [(("raw",), text) for _, text in strings(value)]
    return texts


def of_answer(answer: dict[str, Any]) -> Iterator[tuple[int | None, str]]:
    """The texts of a whole answer, each with the position of its choice; None for those outside the choices.

    Yields an empty text for each value that is not a string, so that the caller can let other calls proceed.
    """
    members = read_members(answer)
    choices = members.pop("choices") if isinstance(answer.get("choices"), list) else []
    parts: Iterable[tuple[int | None, Any]] = chain(enumerate(choices), [(None, members)])
    for position, part in parts:
        for path, text in walk(part):
            yield position, readable(path, text)


def is_name(path: str) -> bool:
    """Whether the text at this path is a function's name: one word, which some providers repeat in each chunk."""
    return path.endswith(".name")


def is_escaped(path: str) -> bool:
    """Whether the text at this path is JSON inside JSON."""
    return "arguments" in path


def readable(path: str, text: str) -> str:
    """A text as a reader sees it: JSON escapes decoded if it is JSON, and surrogate pairs joined."""
    if is_escaped(path) and "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    return whole_characters(text)


def readable_length(path: str, text: str) -> int:
    """The length of a partial text without an incomplete escape or character at its end."""
    end = len(text)
    for partial in _PARTIAL_ESCAPES if is_escaped(path) else ():
        match = partial.search(text, max(0, end - 6), end)
        # A backslash after an odd number of others is the end of an escape.
        if match is not None and (match.start() - len(text[: match.start()].rstrip("\\"))) % 2 == 0:
            end = match.start()
    return end - 1 if "\ud800" <= text[end - 1 : end] <= "\udbff" else end


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return "".join(chr(int(code, 16)) for code in re.findall("[0-9a-fA-F]{4}", match[1]))
    return _ESCAPES.get(match[2], match[2])


def joined(*pieces: str) -> str:
    """The pieces as one text, with surrogate pairs joined. A lone surrogate stays: the other one may follow."""
    text = "".join(pieces)
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def whole_characters(text: str) -> str:
    """A text with surrogate pairs joined. A lone surrogate becomes a replacement character."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
