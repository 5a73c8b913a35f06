"""What there is to read in an answer or an event, for a content filter. Pure.

Only what is known to be no text is left out, so that a provider's own field is looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from proxy.wire import bounded_json, sse

# Labels, ids, addresses, and what is encoded: sound, pictures, files, signatures.
_NO_TEXT = frozenset(
    "id type index format channel status object model url image_url file_id file_data filename detail call_id "
    "tool_call_id item_id signature encrypted_content logprobs obfuscation finish_reason native_finish_reason "
    "content_filter_results prompt_filter_results usage created cache_control image_b64 partial_image_b64 b64_json "
    "system_fingerprint service_tier provider".split()
)
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# Where `data` is what is encoded, by what leads to it or by the type beside it; elsewhere it is a list, or a text.
_MEDIA = (".audio", ".input_audio", ".image", ".input_image", ".source", ".inline_data", ".inlineData", ".file")
_MEDIA_TYPE = re.compile("audio|image|base64|encrypted")
# What a response repeats of its request: the caller's own words.
_OF_REQUEST = frozenset(
    "instructions tools tool_choice metadata text prompt reasoning truncation user safety_identifier prompt_cache_key "
    "prompt_cache_retention previous_response_id incomplete_details".split()
)
_NUMBERS = ("output_index", "content_index", "summary_index", "command_index")
_NAME_LENGTH = 200
# What the places of whole texts begin with, which are no pieces of a choice.
_AGAIN = "again"
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
class EventTexts:
    """What one event says.

    `new` are pieces of texts with their places, `repeated` whole texts, which may have been said before. `ended` are
    the choices that end with it, None where all do. `unreadable`: it says something that cannot be read here.
    """

    new: list[Piece] = field(default_factory=list)
    repeated: list[Piece] = field(default_factory=list)
    ended: set[Any] | None = field(default_factory=set)
    unreadable: bool = False


def strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, depth first, with the names of the members that lead to it.

    A list's items that have an index have it in their name.
    """
    return ((name, text) for name, text in _walk(value, name) if text)


def _walk(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """As `strings`, with an empty text for each value that is none.

    Without recursion, each level of which would take of a stack that may be small, and without a list of what is still
    to come; each name is made when it is told, and no longer than is of use.
    """
    levels: list[Iterator[tuple[Any, str, str]]] = [iter([(value, name, "")])]
    while levels:
        found = next(levels[-1], None)
        if found is None:
            levels.pop()
            continue
        value, name, key = found
        if key and len(name) < _NAME_LENGTH:
            name = f"{name}{key[:_NAME_LENGTH]}"
        yield name, value if isinstance(value, str) else ""
        if isinstance(value, list):
            levels.append(_items(value, name))
        elif isinstance(value, dict):
            levels.append(_members(value, name))


def _items(values: list[Any], name: str) -> Iterator[tuple[Any, str, str]]:
    return ((one, name, _index(one)) for one in values)


def _members(owner: dict[str, Any], name: str) -> Iterator[tuple[Any, str, str]]:
    for key, one in owner.items():
        if key not in _NO_TEXT and not _says_nothing(key, one, name, owner):
            yield one, name, f".{key}"


def _index(item: Any) -> str:
    index = item.get("index") if isinstance(item, dict) else None
    return f"[{index}]" if isinstance(index, int) else ""


def _says_nothing(key: str, value: Any, name: str, owner: dict[str, Any]) -> bool:
    """Whether a member of `owner`, which `name` leads to, is known to be no text; _NO_TEXT has been asked already."""
    if key == "role":
        return value in _ROLES
    if key == "data":
        kind = owner.get("type")
        is_media = name.endswith(_MEDIA) or (isinstance(kind, str) and _MEDIA_TYPE.search(kind) is not None)
        return isinstance(value, str) and is_media
    return key == "result" and owner.get("type") == "image_generation_call"


def of_events(event: bytes, read: Callable[[dict[str, Any], EventTexts], None]) -> EventTexts:
    """What one event says, as a client would read it; `read` knows the protocol's objects."""
    said = EventTexts()
    # Some clients also read an event that the stream breaks off in, and some read line by line.
    for _, data in sse.events(event + b"\n\n"):
        if data.strip() == b"[DONE]":
            said.ended = None
            continue
        try:
            found = bounded_json.loads(data, everywhere=True)
        except ValueError:
            found = data.decode("utf-8", "replace")
        except RecursionError:
            said.unreadable = True
            continue
        if isinstance(found, dict):
            read(found, said)
        else:
            said.new += [(("raw",), text) for _, text in strings(found)]
    return said


def of_chunk(found: dict[str, Any], said: EventTexts) -> None:
    """Add what a chunk says, of the chat or the completions API."""
    choices = found.get("choices")
    for position, choice in enumerate(choices if isinstance(choices, list) else ()):
        if not isinstance(choice, dict):
            said.new += [((position, name), text) for name, text in strings(choice)]
            continue
        told = choice.get("index")
        index = told if isinstance(told, int) else position
        if choice.get("finish_reason") and said.ended is not None:
            said.ended.add(index)
        rest = {name: value for name, value in choice.items() if name not in _NO_TEXT}
        pieces: list[Piece] = []
        if isinstance(choice.get("text"), str):
            pieces.append((("text",), rest.pop("text")))
        if isinstance(choice.get("delta"), dict):
            for member, value in rest.pop("delta").items():
                pieces += [((member, name), text) for name, text in strings({member: value})]
        said.repeated += [((_AGAIN, index, name), text) for name, text in strings(rest)]
        said.new += [((index, *place), text) for place, text in _without_doubles(pieces) if text]
    others = {name: value for name, value in read_members(found).items() if name not in _NO_TEXT}
    if isinstance(choices, list):
        others.pop("choices")
    said.repeated += [((_AGAIN, None, name), text) for name, text in strings(others)]


def _without_doubles(pieces: list[Piece]) -> list[Piece]:
    """One provider says its reasoning twice, as a text and as a list of parts."""
    reasoning = "".join(text for place, text in pieces if place[0] == "reasoning")
    details = "".join(text for place, text in pieces if place[0] == "reasoning_details")
    if not reasoning or reasoning != details:
        return pieces
    return [piece for piece in pieces if piece[0][0] != "reasoning_details"]


def of_response_event(found: dict[str, Any], said: EventTexts) -> None:
    """Add what an event of the Responses API says."""
    kind = str(found.get("type"))
    if kind == "error":
        said.ended = None
        return
    numbers = tuple(str(found.get(name)) for name in _NUMBERS)
    rest = dict(found)
    if kind.endswith(".delta"):
        delta = rest.pop("delta", None)
        pieces = strings(delta, "delta") if kind not in _SOUND else ()
        said.new += [((*numbers, kind) if name == "delta" else (*numbers, kind, name), text) for name, text in pieces]
    else:
        said.ended = None
    response = rest.get("response")
    if isinstance(response, dict):
        rest["response"] = read_members(response)
    said.repeated += [((_AGAIN, *numbers, name), text) for name, text in strings(rest)]


def read_members(found: dict[str, Any]) -> dict[str, Any]:
    """What is looked at of an answer or a chunk: all but the upstream's own errors and what repeats the request."""
    is_response = found.get("object") == "response" or ("output" in found and "choices" not in found)
    of_request = _OF_REQUEST if is_response else ()
    return {
        name: value
        for name, value in found.items()
        # A response's own `text` and `reasoning` are settings; a provider's may be texts.
        if name != "error" and (name not in of_request or (name in ("text", "reasoning") and isinstance(value, str)))
    }


def of_answer(answer: dict[str, Any]) -> Iterator[tuple[int | None, str]]:
    """The texts of a whole answer, each with the position of its choice; None for what belongs to none.

    An empty text stands for each value that is none, so that others can be let run in between.
    """
    members = read_members(answer)
    choices = members.pop("choices") if isinstance(answer.get("choices"), list) else []
    parts: Iterable[tuple[int | None, Any]] = chain(enumerate(choices), [(None, members)])
    for at, part in parts:
        for name, text in _walk(part):
            yield at, readable(name, text)


def without_texts(answer: dict[str, Any]) -> dict[str, Any]:
    """The members of an answer in which there was nothing to look at."""
    read = read_members(answer)
    return {name: value for name, value in answer.items() if name not in read or not any(strings({name: value}))}


def is_name(name: str) -> bool:
    """Whether what is called so is a function's name: one word, which some send again with each chunk."""
    return name.endswith(".name")


def is_escaped(name: str) -> bool:
    """Whether what is called so is JSON within JSON."""
    return "arguments" in name


def readable(name: str, text: str) -> str:
    """A text as a reader would see it: without JSON's escapes where it is JSON, with characters put together."""
    if is_escaped(name) and "\\" in text:
        text = _ESCAPED.sub(_unescaped, text)
    return whole_characters(text)


def readable_length(name: str, text: str) -> int:
    """How much of a text can be read before the rest is there: all but an escape or a character that has only begun."""
    end = len(text)
    for begun in _BEGUN if is_escaped(name) else ():
        match = begun.search(text, max(0, end - 6), end)
        # A backslash behind an odd number of others is the end of an escape.
        if match is not None and (match.start() - len(text[: match.start()].rstrip("\\"))) % 2 == 0:
            end = match.start()
    return end - 1 if "\ud800" <= text[end - 1 : end] <= "\udbff" else end


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return "".join(chr(int(code, 16)) for code in re.findall("[0-9a-fA-F]{4}", match[1]))
    return _PLAIN.get(match[2], match[2])


def joined(*pieces: str) -> str:
    """The pieces as one text, with the halves of characters put together; a half alone stays, the other may follow."""
    text = "".join(pieces)
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def whole_characters(text: str) -> str:
    """Two halves of a character that were sent apart, as one; a half alone becomes a replacement character."""
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
