"""What there is to read in a request, an answer or an event, for a content filter. Pure.

Only what is known to be no text is left out, so that a provider's own field is looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from proxy import nesting, sse

# Labels, ids, addresses, and what is encoded: sound, pictures, files, signatures.
_NO_TEXT = frozenset(
    "id type role index format channel name status object model url image_url file_id file_data filename data detail "
    "call_id tool_call_id item_id signature encrypted_content logprobs obfuscation finish_reason native_finish_reason "
    "content_filter_results usage created cache_control image_b64 partial_image_b64 b64_json result".split()
)
# Where the prompt stands, by the kind of call; the first is the one that an error names.
_PROMPTS = {
    "chat": ("messages", "prediction"),
    "completions": ("prompt", "suffix"),
    "responses": ("input", "instructions", "prompt"),
    "images/generations": ("prompt",),
    "audio/speech": ("input", "instructions"),
}
_NUMBERS = ("output_index", "content_index", "summary_index", "command_index")
_NAME_LENGTH = 200
_SOUND = ("response.audio.delta", "response.output_audio.delta")
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r'\\(?:((?:u[0-9a-fA-F]{4}\\)*u[0-9a-fA-F]{4})|([bfnrt"/\\]))')
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\n", "t": "\t"}
# An escape that has no end yet, and one that is the first half of a character.
_BEGUN = (re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z"), re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z"))

# A text's place in a stream: pieces of the same place belong behind one another.
Place = tuple[Any, ...]
Piece = tuple[Place, str]


@dataclass(slots=True)
class Said:
    """What one event says.

    `new` are pieces of texts with their places, `repeated` texts that may have been said in pieces before. `ended` are
    the choices that end with it, None where all do. `unreadable`: it says something that cannot be read here.
    """

    new: list[Piece] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    ended: set[Any] | None = field(default_factory=set)
    unreadable: bool = False


def prompt_fields(kind: str, path: str) -> tuple[str, ...]:
    """The names of the request's members that hold its prompt."""
    return _PROMPTS.get(path) or _PROMPTS.get(kind, ())


def strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, depth first, with the names of the members that lead to it.

    Without recursion, each level of which would take of a stack that may be small; and with each name made when it is
    told, and no longer than is of use, for a request may have very many of them.
    """
    rest: list[tuple[Any, str, str]] = [(value, name, "")]
    while rest:
        value, name, key = rest.pop()
        if key and len(name) < _NAME_LENGTH:
            name = f"{name}.{key[:_NAME_LENGTH]}"
        if isinstance(value, str):
            if value:
                yield name, value
        elif isinstance(value, list):
            rest += [(one, name, "") for one in reversed(value)]
        elif isinstance(value, dict):
            rest += [(one, name, key) for key, one in reversed(value.items()) if key not in _NO_TEXT]


def has_tokens(value: Any) -> bool:
    """Whether a prompt is made of numbers, each a token, which nobody can read here."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, (int, float)):
            return True
        if isinstance(one, list):
            rest += one
    return False


def of_event(event: bytes, kind: str) -> Said:
    """What one event says, as a client would read it."""
    said = Said()
    # Some clients also read an event that the stream breaks off behind, and some read line by line.
    for _, data in sse.events(event + b"\n\n"):
        if data.strip() == b"[DONE]":
            said.ended = None
            continue
        try:
            found = nesting.loads(data, everywhere=True)
        except ValueError:
            found = data.decode("utf-8", "replace")
        except RecursionError:
            said.unreadable = True
            continue
        if not isinstance(found, dict):
            said.new += [(("raw",), text) for _, text in strings(found)]
        elif kind == "responses":
            _of_response(found, said)
        else:
            _of_chunk(found, said)
    return said


def _of_chunk(found: dict[str, Any], said: Said) -> None:
    choices = found.get("choices")
    for position, choice in enumerate(choices if isinstance(choices, list) else ()):
        if not isinstance(choice, dict):
            continue
        told = choice.get("index")
        index = told if isinstance(told, int) else position
        if choice.get("finish_reason") and said.ended is not None:
            said.ended.add(index)
        message = choice.get("message")
        if isinstance(message, dict):
            said.repeated += [readable(name, text) for name, text in strings(message)]
        delta = choice.get("delta")
        pieces: list[Piece] = []
        if isinstance(choice.get("text"), str):
            pieces.append((("text",), choice["text"]))
        for member, value in delta.items() if isinstance(delta, dict) else ():
            if member not in _NO_TEXT:
                pieces += [((member, name), text) for name, text in strings(value, member)]
        said.new += [((index, *place), text) for place, text in _without_doubles(pieces) if text]


def _without_doubles(pieces: list[Piece]) -> list[Piece]:
    """One provider says its reasoning twice, as a text and as a list of parts."""
    reasoning = "".join(text for place, text in pieces if place[0] == "reasoning")
    details = "".join(text for place, text in pieces if place[0] == "reasoning_details")
    if not reasoning or reasoning != details:
        return pieces
    return [piece for piece in pieces if piece[0][0] != "reasoning_details"]


def _of_response(found: dict[str, Any], said: Said) -> None:
    kind = str(found.get("type"))
    if kind.endswith(".delta"):
        if kind not in _SOUND:
            place = (*(str(found.get(name)) for name in _NUMBERS), kind)
            pieces = strings(found.get("delta"), "delta")
            said.new += [(place if name == "delta" else (*place, name), text) for name, text in pieces]
        return
    said.ended = None
    response = found.get("response")
    whole = response.get("output") if isinstance(response, dict) else None
    members = {name: value for name, value in found.items() if name != "response" and kind != "error"}
    for name, text in (*strings(members), *strings(whole)):
        said.repeated.append(readable(name, text))


def of_answer(answer: dict[str, Any]) -> list[tuple[int | None, list[str]]]:
    """The texts of a whole answer, by the position of their choice; None for what belongs to none."""
    choices = answer.get("choices")
    if isinstance(choices, list):
        return [(i, [readable(name, text) for name, text in strings(choice)]) for i, choice in enumerate(choices)]
    output = answer.get("output", {name: value for name, value in answer.items() if name != "error"})
    return [(None, [readable(name, text) for name, text in strings(output)])]


def readable(name: str, text: str) -> str:
    """A text as a reader would see it: without JSON's escapes where it is JSON, with characters put together."""
    if "arguments" in name and "\\" in text:
        text = _ESCAPED.sub(_unescaped, text)
    return whole_characters(text)


def readable_length(name: str, text: str) -> int:
    """How much of a text can be read before the rest is there: all but an escape or a character that has only begun."""
    end = len(text)
    for begun in _BEGUN if "arguments" in name else ():
        match = begun.search(text, max(0, end - 6), end)
        # A backslash behind an odd number of others is the end of an escape.
        if match is not None and (match.start() - len(text[: match.start()].rstrip("\\"))) % 2 == 0:
            end = match.start()
    return end - 1 if "\ud800" <= text[end - 1 : end] <= "\udbff" else end


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return "".join(chr(int(code, 16)) for code in re.findall("[0-9a-fA-F]{4}", match[1]))
    return _PLAIN.get(match[2], match[2])


def whole_characters(text: str) -> str:
    """Two halves of a character that were sent apart, as one; a half alone becomes a replacement character."""
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
