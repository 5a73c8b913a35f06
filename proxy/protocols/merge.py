"""Making an event stream smaller without losing a word of it: consecutive deltas of one kind become one. Pure.

A stream spends some 200 bytes of JSON on each word. Where it must be held back anyway and would not fit, its deltas are
merged: what a client accumulates of them stays the same. Whatever is not known to be a delta passes byte for byte.
"""

from __future__ import annotations

import json
import re
from typing import Any

from proxy.wire import bounded_json, sse

# A merged event holds no more than about so many characters of text, made of so many bytes of events: an answer can
# still be cut between two of them.
_TEXT_LENGTH, _EVENT_BYTES = 8_192, 1_000_000
_TEXTS = frozenset(("content", "reasoning_content", "reasoning", "refusal"))
# What some say once and others with each word; no text, so it is not added up.
_LABELS = ("role", "channel")
_FIELD = re.compile(rb"(?:^|[\r\n])(id|retry):")
# Fields of a chunk that may differ between two that are merged; the first one's stays, as clients take it.
_PASSING = frozenset(("created", "obfuscation", "sequence_number"))


class Coalescer:
    """Takes pieces of whole events and gives back events, merged ones only when the next one does not fit to them."""

    def __init__(self, protocol: str) -> None:
        self._merge = {"chat": _merged_chat, "completions": _merged_text, "responses": _merged_delta}.get(protocol)
        self._held: dict[str, Any] | None = None
        self._raw = b""
        self._name = ""
        self._size = 0
        self._text = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that are complete now, in their order."""
        out: list[bytes] = []
        for raw in sse.split(piece):
            self._take(raw, out)
        return out

    def rest(self) -> list[bytes]:
        """The event that was held back for another one to be merged into, if there is one."""
        out: list[bytes] = []
        self._let_go(out)
        return out

    def _take(self, raw: bytes, out: list[bytes]) -> None:
        found = list(sse.events(raw))
        if not found and raw.lstrip()[:1] in (b"", b":"):
            return  # a comment kept a connection alive; what is held back has none
        value = _object(found[0][1]) if len(found) == 1 and self._merge and not _FIELD.search(raw) else None
        if value is None:
            self._let_go(out)
            out.append(raw)
            return
        length = _length(value)
        # A text that is long by itself stays one: it may be what does not fit, and must not take its neighbours along.
        has_room = self._size < _EVENT_BYTES and self._text + length <= _TEXT_LENGTH
        if self._held is not None and has_room and self._name == found[0][0]:
            merged = self._merge(self._held, value) if self._merge else None
            if merged is not None:
                self._held, self._raw = merged, b""
                self._size += len(raw)
                self._text += length
                return
        self._let_go(out)
        self._held, self._raw, self._name = value, raw, found[0][0]
        self._size, self._text = len(raw), length

    def _let_go(self, out: list[bytes]) -> None:
        if self._held is not None:
            out.append(self._raw or encoded(self._held, self._name))
        self._held = None


def encoded(value: dict[str, Any], name: str) -> bytes:
    """One event. Halves of a character that two chunks had between them are written as they were: escaped."""
    try:
        return sse.event(value, name or None)
    except UnicodeEncodeError:
        head = f"event: {name}\n" if name else ""
        return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def _length(value: dict[str, Any]) -> int:
    """About how many characters of text an event carries."""
    choice = _only_choice(value) or {}
    delta = choice.get("delta") or choice.get("text") or value.get("delta")
    texts = delta.values() if isinstance(delta, dict) else (delta,)
    return sum(len(text) if isinstance(text, str) else len(str(text)) for text in texts if text)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = bounded_json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _merged_chat(held: dict[str, Any], came: dict[str, Any]) -> dict[str, Any] | None:
    """Both chunks as one, or None where they must stay two."""
    first, second = _only_choice(held), _only_choice(came)
    if first is None or second is None or not _same_frame(held, came):
        return None
    choice = _same_choice(first, second, "delta")
    delta = _merged_choice_delta(first.get("delta"), second.get("delta"))
    if choice is None or delta is None:
        return None
    return _framed(held, came, {**choice, "delta": delta})


def _merged_text(held: dict[str, Any], came: dict[str, Any]) -> dict[str, Any] | None:
    """As `_merged_chat` for the completions API, whose choices carry `text`."""
    first, second = _only_choice(held), _only_choice(came)
    if first is None or second is None or not _same_frame(held, came):
        return None
    choice = _same_choice(first, second, "text")
    text = (first.get("text"), second.get("text"))
    if choice is None or not isinstance(text[0], str) or not isinstance(text[1], str):
        return None
    return _framed(held, came, {**choice, "text": text[0] + text[1]})


def _merged_delta(held: dict[str, Any], came: dict[str, Any]) -> dict[str, Any] | None:
    """As `_merged_chat` for the Responses API, whose events of one item differ in their delta and their number."""
    if not str(held.get("type")).endswith(".delta") or held.keys() != came.keys():
        return None
    if not isinstance(held.get("delta"), str) or not isinstance(came.get("delta"), str):
        return None
    logprobs = _joined(held.get("logprobs"), came.get("logprobs"))
    free = {"delta", "logprobs", *_PASSING}
    if logprobs is _NEVER or any(held[name] != came[name] for name in held if name not in free):
        return None
    # The number of the last one, so that numbers go up and whoever resumes goes on behind it.
    merged = {**held, "delta": held["delta"] + came["delta"]}
    return {**merged, **{name: came[name] for name in ("sequence_number",) if name in came}, **_if_any(held, logprobs)}


def _only_choice(chunk: dict[str, Any]) -> dict[str, Any] | None:
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    return None if choices[0].get("finish_reason") else choices[0]


def _same_frame(held: dict[str, Any], came: dict[str, Any]) -> bool:
    """Whether nothing but the choice and what passes differs, and no usage would be lost."""
    if held.get("usage") and not came.get("usage"):
        return False
    names = (held.keys() | came.keys()) - {"choices", "usage"} - _PASSING
    return all(held.get(name) == came.get(name) for name in names)


def _framed(held: dict[str, Any], came: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any]:
    usage = {"usage": came["usage"]} if "usage" in came else {}
    return {**held, "choices": [choice], **usage}


def _same_choice(first: dict[str, Any], second: dict[str, Any], text: str) -> dict[str, Any] | None:
    """The choice that both belong to, with their logprobs joined; None where another field differs."""
    names = (first.keys() | second.keys()) - {text, "logprobs"}
    logprobs = _joined(first.get("logprobs"), second.get("logprobs"))
    if logprobs is _NEVER or any(first.get(name) != second.get(name) for name in names):
        return None
    return {**second, **first, **_if_any({**first, **second}, logprobs)}


def _if_any(fields: dict[str, Any], logprobs: Any) -> dict[str, Any]:
    return {"logprobs": logprobs} if "logprobs" in fields else {}


_NEVER = object()


def _joined(first: Any, second: Any) -> Any:
    """Two sets of logprobs behind one another: lists, or objects of lists; `_NEVER` where that cannot be said."""
    if second is None or first is None:
        return second if first is None else first
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        joined = {name: _joined(first[name], second[name]) for name in first}
        return joined if _NEVER not in joined.values() else _NEVER
    return _NEVER


def _merged_choice_delta(first: Any, second: Any) -> dict[str, Any] | None:
    if not isinstance(first, dict) or not isinstance(second, dict):
        return None
    known = _TEXTS | {*_LABELS, "tool_calls"}
    if not (first.keys() | second.keys()) <= known:
        return None
    if any(second.get(name) not in (None, first.get(name)) for name in _LABELS):
        return None
    # What is said next to each other stays so: reasoning behind content must not move in front of it.
    if (kinds := {_kind(first), _kind(second)} - {None}) and len(kinds) > 1:
        return None
    merged = {**second, **first}
    for name in _TEXTS & merged.keys():
        texts = [part[name] for part in (first, second) if part.get(name) is not None]
        if not all(isinstance(text, str) for text in texts):
            return None
        merged[name] = "".join(texts) if texts else None
    calls = _merged_calls(first.get("tool_calls"), second.get("tool_calls"))
    if calls is _NEVER:
        return None
    return {**merged, "tool_calls": calls} if "tool_calls" in merged else merged


def _kind(delta: dict[str, Any]) -> str | None:
    """What this delta says: the name of its one field that is not empty; several make a kind of their own."""
    said = [name for name in (*sorted(_TEXTS), "tool_calls") if delta.get(name)]
    return ",".join(said) if said else None


def _merged_calls(first: Any, second: Any) -> Any:
    """Arguments of one tool call behind one another; `_NEVER` where the second starts another call."""
    if not second or not first:
        return second or first
    if not (isinstance(first, list) and isinstance(second, list) and len(first) == len(second) == 1):
        return _NEVER
    one, two = first[0], second[0]
    if not isinstance(one, dict) or not isinstance(two, dict) or one.get("index") != two.get("index"):
        return _NEVER
    said, more = one.get("function"), two.get("function")
    if not isinstance(said, dict) or not isinstance(more, dict) or not more.keys() <= {"arguments", "name"}:
        return _NEVER
    known = two.keys() <= {"index", "id", "type", "function"} and two.get("type") in (None, "", one.get("type"))
    arguments = (said.get("arguments") or "", more.get("arguments") or "")
    if not known or two.get("id") or more.get("name") or not all(isinstance(part, str) for part in arguments):
        return _NEVER
    return [{**one, "function": {**said, "arguments": "".join(arguments)}}]
