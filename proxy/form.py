"""Fields of a form (multipart/form-data), where they decide something: read in one way only, or not at all. Pure.

Servers differ in what they take for a boundary, the end of a line or a name (RFC 7578, RFC 2046 section 5.1.1). What
could be read in two ways is refused; what browsers and SDKs send never is. The body is searched for its boundary and
not taken apart: forms are small text around large files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from proxy.errors import BadRequest
from proxy.messages import Headers

_PARAMETER = re.compile(r'[ \t]*;[ \t]*([A-Za-z0-9!#$&^_.+*-]+)=(?:"([^"\r\n\0]*)"|([^\s;"\0]+))')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_BEHIND_MARK = re.compile(rb"(--)?[ \t]*(?:\r\n|\Z)")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']*)", re.IGNORECASE)
# Fields of the API that hold files; one of another name is a text, whatever the form says of it.
_FILES = frozenset("file files image mask audio audio_sample input_reference".split())
_KINDS = ("content-disposition", "content-type", "content-length")


@dataclass(frozen=True, slots=True)
class Field:
    """A field's text, and where in the body that starts and ends."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A part's name, that of its file or None, its type, and where in the body its content starts and ends."""

    name: str
    filename: str | None
    kind: str
    start: int
    end: int


def field(headers: Headers, data: bytes, name: str) -> Field | None:
    """The field called `name`, None where there is none. Raises BadRequest for two, and for a form read in two ways."""
    found = [
        Field(data[part.start : part.end].decode("utf-8", "replace"), part.start, part.end)
        for part in _parts(headers, data)
        if part.name == name
    ]
    if len(found) > 1:
        raise BadRequest(f"The form has the field {name!r} twice. Send it once.", code="duplicate_key", param=name)
    return found[0] if found else None


def texts(headers: Headers, data: bytes) -> list[tuple[str, str]]:
    """Every field's name and text, and the names of files. What a file holds is not text, if its field is for files.

    Raises BadRequest for a form that is read in two ways, and for text that is not UTF-8.
    """
    found: list[tuple[str, str]] = []
    for part in _parts(headers, data):
        if part.filename is not None:
            found.append(("filename", part.filename))
            if part.name.removesuffix("[]") in _FILES:
                continue
        charset = _CHARSET.search(part.kind)
        try:
            if charset and charset[1].lower() not in ("utf-8", "us-ascii"):
                raise ValueError
            found.append((part.name, data[part.start : part.end].decode()))
        except ValueError:
            raise BadRequest(
                f"The form's field {part.name[:100]!r} is not UTF-8 text, and this server checks texts.",
                code="unreadable_body",
            ) from None
    return found


def _parts(headers: Headers, data: bytes) -> Iterator[_Part]:
    """The parts of a form in their order."""
    if sum(one == "content-type" for one, _ in headers) > 1:
        raise _unsure("it has two content types")
    mark = b"--" + _boundary(headers.get("content-type") or "")
    # A mark behind anything but CRLF is one for some readers and none for others.
    bare = data.count(mark) - data.count(b"\r\n" + mark) - data.startswith(mark)
    if bare and (data.count(b"\n" + mark) > data.count(b"\r\n" + mark) or b"\r" + mark in data):
        raise _unsure("its parts are set apart in two ways")
    at = 0 if data.startswith(mark) else data.find(b"\r\n" + mark) + 2
    while True:
        behind = _BEHIND_MARK.match(data, at + len(mark)) if data.startswith(mark, at) else None
        if behind is None:
            raise _unsure("its parts are not set apart as its boundary says")
        if behind[1]:
            return
        end = data.find(b"\r\n" + mark, behind.end())
        head_end = data.find(b"\r\n\r\n", behind.end())
        if end < 0 or not 0 < head_end <= end:
            raise _unsure("a part of it has no end")
        yield _part(data[behind.end() : head_end].decode("latin-1"), head_end + 4, end)
        at = end + 2


def _boundary(kind: str) -> bytes:
    value = _parameters(kind.partition(";")[1] + kind.partition(";")[2]).get("boundary", "")
    if not _BOUNDARY.fullmatch(value):
        raise _unsure("it names no boundary that everybody reads alike")
    return value.encode("ascii")


def _part(head: str, start: int, end: int) -> _Part:
    """One part of a form, whose content starts and ends there."""
    lines = head.split("\r\n")
    if any("\r" in line or "\n" in line or "\0" in line or line[:1] in (" ", "\t") for line in lines):
        raise _unsure("a part's head has lines that end in two ways")
    named = [(line.partition(":")[0].strip().lower(), line.partition(":")[2].strip()) for line in lines]
    told = [value for one, value in named if one == "content-disposition"]
    if len(told) != 1 or any(one not in _KINDS for one, _ in named):
        raise _unsure("a part's head has other fields than a disposition, a type and a length")
    kind, semicolon, rest = told[0].partition(";")
    parameters = _parameters(semicolon + rest)
    name = parameters.get("name", "")
    if kind.strip().lower() != "form-data" or not name or "\\" in name:
        raise _unsure("a part has no plain name")
    if re.sub(r"[^a-z]", "", name.lower()) == "model" != name:  # frameworks differ in case, blanks and brackets
        raise _unsure("a part is nearly called model")
    filename = parameters.get("filename", parameters.get("filename*"))
    return _Part(name, filename, "".join(value for one, value in named if one == "content-type"), start, end)


def _parameters(text: str) -> dict[str, str]:
    """`; name=value` again and again, names in small letters. Raises BadRequest for anything else."""
    found: dict[str, str] = {}
    at = 0
    text = text.rstrip(" \t;")
    while at < len(text):
        match = _PARAMETER.match(text, at)
        name = match[1].lower() if match else ""
        # `name*` is another spelling of `name` for some; that of a file's name decides nothing here.
        if match is None or name in found or (name.endswith("*") and name != "filename*"):
            raise _unsure("what names its parts cannot be read for certain")
        found[name] = match[2] if match[2] is not None else match[3]
        at = match.end()
    return found


def _unsure(why: str) -> BadRequest:
    return BadRequest(
        f"This form could be read in two ways: {why}. Send it as browsers and SDKs do: one boundary, CRLF at the end "
        'of each line, and form-data; name="…" once in each part.',
        code="unreadable_body",
    )
