"""A form (multipart/form-data) whose fields decide something: read in one way only, or not at all. Pure, in slices.

Servers differ in what they take for a boundary, the end of a line or a name (RFC 7578, RFC 2046 section 5.1.1). What
could be read in two ways is refused; what browsers and SDKs send never is. The body is searched for its boundary and
not taken apart: forms are small text around large files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from proxy.errors import BadRequest, TooComplex
from proxy.messages import Headers
from proxy.wire.json_walk import letters
from proxy.wire.work import Slices

WINDOW = 1_048_576  # bytes that are searched at a stretch: some milliseconds
MAX_PARTS = 1_000
_HEAD_BYTES = 16_384
_FIND_UNIT = 512  # bytes that are searched in one unit of work (work)
_PARAMETER = re.compile(r'[ \t]*;[ \t]*([A-Za-z0-9!#$&^_.+*-]+)=(?:"([^"\r\n\0]*)"|([^\s;"\0]+))')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_AFTER_MARK = re.compile(rb"(--)?[ \t]{0,100}(?:\r\n|\Z)")
_CHARSETS = ("utf-8", "us-ascii")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']*)", re.IGNORECASE)
# Fields of the API that hold files; one of another name is a text, whatever the form says of it.
_FILES = frozenset("file files image mask audio audio_sample input_reference".split())
_ENCODING = "content-transfer-encoding"
_KINDS = ("content-disposition", "content-type", "content-length", _ENCODING)
# Encodings that change nothing (RFC 2045, section 6.2). Dart, Retrofit and Apache's client name one in each part.
_IDENTITIES = ("7bit", "8bit", "binary")
# Names that decide something; frameworks differ in case, blanks and brackets, so nothing may be nearly called so.
_DECISIVE = frozenset("model models fallbacks prompt n stream".split())


@dataclass(frozen=True, slots=True)
class Field:
    """One part: its name, that of its file or None, its type, and where in the body its content starts and ends."""

    name: str
    filename: str | None
    kind: str
    start: int
    end: int

    def text(self, data: bytes) -> str:
        """The content as text."""
        return data[self.start : self.end].decode("utf-8", "replace")


def read(headers: Headers, data: bytes) -> Slices[tuple[Field, ...]]:
    """All parts of the form. Raises BadRequest for one that could be read in two ways, or has a field twice.

    Parts called `name[]` may stand more than once, and so may files.
    """
    if sum(one == "content-type" for one, _ in headers) > 1:
        raise _unsure("it has two content types")
    mark = b"--" + _boundary(headers.get("content-type") or "")
    found: list[Field] = []
    names: set[str] = set()
    at = 0
    while True:
        if not data.startswith(mark, at):
            raise _unsure("its parts are not set apart as its boundary says")
        after = _AFTER_MARK.match(data, at + len(mark))
        if after is None:
            raise _unsure("its parts are not set apart as its boundary says")
        if after[1]:
            if after.end() != len(data):
                raise _unsure("something stands after its end")
            return tuple(found)
        if len(found) >= MAX_PARTS:
            raise TooComplex(f"is a form of more than {MAX_PARTS} parts")
        head_end = data.find(b"\r\n\r\n", after.end(), after.end() + _HEAD_BYTES)
        if head_end <= after.end():
            raise _unsure("a part of it has no head")
        end = yield from _next_mark(data, mark, head_end + 4)
        part = _part(data[after.end() : head_end].decode("latin-1"), head_end + 4, end)
        if part.filename is None and not part.name.endswith("[]"):
            if part.name in names:
                raise BadRequest(
                    f"The form has the field {part.name[:100]!r} twice. Send it once.",
                    code="duplicate_key",
                    param=part.name,
                )
            names.add(part.name)
        found.append(part)
        at = end + 2


def texts(fields: tuple[Field, ...], data: bytes) -> list[tuple[str, str]]:
    """Every field's name and text, and the names of files. What a file holds is no text, if its field is for files.

    Raises BadRequest for text that is not UTF-8.
    """
    found: list[tuple[str, str]] = []
    for part in fields:
        if part.filename is not None:
            found.append(("filename", part.filename))
            if part.name.removesuffix("[]") in _FILES:
                continue
        charset = _CHARSET.search(part.kind)
        try:
            if charset and charset[1].lower() not in _CHARSETS:
                raise ValueError
            found.append((part.name, data[part.start : part.end].decode()))
        except ValueError:
            raise BadRequest(
                f"The form's field {part.name[:100]!r} is not UTF-8 text, and this server checks texts.",
                code="unreadable_body",
            ) from None
    return found


def _next_mark(data: bytes, mark: bytes, start: int) -> Slices[int]:
    """Where the line break before the next boundary stands. A boundary in the midst of a line is content."""
    at, marks = start, 0
    while True:
        end = min(at + WINDOW, len(data))
        place = data.find(mark, at, end)
        if place < 0:
            yield (end - at) // _FIND_UNIT
            if end == len(data):
                raise _unsure("a part of it has no end")
            at = max(end - len(mark), at + 1)
            continue
        if data[place - 2 : place] == b"\r\n" and place - 2 >= start:
            return place - 2
        if data[place - 1 : place] in (b"\n", b"\r"):
            raise _unsure("its parts are set apart in two ways")
        marks += 1
        if marks > MAX_PARTS:
            raise TooComplex("is a form whose boundary stands in it again and again")
        at = place + 1


def _boundary(kind: str) -> bytes:
    parameters = _parameters(kind.partition(";")[1] + kind.partition(";")[2], ("boundary", "charset"))
    if parameters.get("charset", "utf-8").lower() not in _CHARSETS:  # some decode names and values by it
        raise _unsure("it is not UTF-8")
    value = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(value):
        raise _unsure("it names no boundary that everybody reads alike")
    return value.encode("ascii")


def _part(head: str, start: int, end: int) -> Field:
    """The part of a form that has this head."""
    lines = head.split("\r\n")
    if any("\r" in line or "\n" in line or "\0" in line or line[:1] in (" ", "\t") for line in lines):
        raise _unsure("a part's head has lines that end in two ways")
    named = [(line.partition(":")[0].strip().lower(), line.partition(":")[2].strip()) for line in lines]
    dispositions = [value for one, value in named if one == "content-disposition"]
    if len(dispositions) != 1 or any(one not in _KINDS for one, _ in named):
        raise _unsure("a part's head has other fields than a disposition, a type, a length and an encoding")
    if any(one == _ENCODING and value.lower() not in _IDENTITIES for one, value in named):
        raise _unsure("a part is encoded, which some servers undo and others do not")
    kind, semicolon, rest = dispositions[0].partition(";")
    parameters = _parameters(semicolon + rest, ("name", "filename", "filename*"))
    name = parameters.get("name", "")
    if kind.strip().lower() != "form-data" or not name or "\\" in name:
        raise _unsure("a part has no plain name")
    plain = letters(name)
    if plain in _DECISIVE and plain != name:
        raise _unsure(f"a part is nearly called {plain}")
    filename = parameters.get("filename", parameters.get("filename*"))
    if filename is not None and plain in _DECISIVE:
        raise _unsure(f"{plain} is sent as a file")
    types = "; ".join(value for one, value in named if one == "content-type")
    charsets = _CHARSET.findall(types)
    if plain == "charset" or (filename is None and any(one.lower() not in _CHARSETS for one in charsets)):
        raise _unsure("a text in it is not UTF-8")
    return Field(name, filename, types, start, end)


def _parameters(text: str, known: tuple[str, ...]) -> dict[str, str]:
    """`; name=value` again and again, names in small letters. Raises BadRequest for anything else.

    Where a quotation mark may end a value or, after a backslash, not, readers see other names in what follows.
    """
    found: dict[str, str] = {}
    at = 0
    text = text.rstrip(" \t;")
    while at < len(text):
        match = _PARAMETER.match(text, at)
        name = match[1].lower() if match else ""
        # `name*` is another spelling of `name` for some; that of a file's name decides nothing here.
        if match is None or name in found or name not in known or (match[2] or "").endswith("\\"):
            raise _unsure("what names its parts cannot be read for certain")
        found[name] = match[2] if match[2] is not None else match[3]
        at = match.end()
    return found


def _unsure(why: str) -> BadRequest:
    return BadRequest(
        f"This form could be read in two ways: {why}. Send it as browsers and SDKs do: one boundary, CRLF at the end "
        'of each line, nothing before the first part, and form-data; name="…" once in each part.',
        code="unreadable_body",
    )
