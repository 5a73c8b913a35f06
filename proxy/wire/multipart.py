"""Forms (multipart/form-data) whose fields decide something: read unambiguously, or refused. Pure, in slices.

Servers differ in what they accept as a boundary, a line end or a name (RFC 7578, RFC 2046 section 5.1.1). What two
servers could read differently is refused; what browsers and SDKs send is never ambiguous. The body is searched for its
boundary but not copied: forms are small text around large files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from proxy.errors import BadRequest, TooComplex
from proxy.messages import Headers
from proxy.wire.json_walk import letters
from proxy.wire.work import Slices

WINDOW = 1_048_576  # bytes searched in one step: a few milliseconds
MAX_PARTS = 1_000
_HEAD_BYTES = 16_384
_FIND_UNIT = 512  # bytes searched in one unit of work (see wire.work)
_PARAMETER = re.compile(r'[ \t]*;[ \t]*([A-Za-z0-9!#$&^_.+*-]+)=(?:"([^"\r\n\0]*)"|([^\s;"\0]+))')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_AFTER_DELIMITER = re.compile(rb"(--)?[ \t]{0,100}(?:\r\n|\Z)")
_CHARSETS = ("utf-8", "us-ascii")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']*)", re.IGNORECASE)
# Fields of the API that contain files. Any other field is text, even if the form gives it a file name.
_FILES = frozenset("file files image mask audio audio_sample input_reference".split())
_ENCODING = "content-transfer-encoding"
_PART_HEADERS = ("content-disposition", "content-type", "content-length", _ENCODING)
# Encodings that change nothing (RFC 2045, section 6.2). Dart, Retrofit and Apache's client name one in each part.
_IDENTITY_ENCODINGS = ("7bit", "8bit", "binary")
# Names that decide something. Frameworks differ in case, spaces and brackets, so similar names are refused.
_DECISIVE = frozenset("model models fallbacks prompt n stream".split())


@dataclass(frozen=True, slots=True)
class Field:
    """One part: its name, its file name or None, its Content-Type, and the span of its content in the body."""

    name: str
    filename: str | None
    content_type: str
    start: int
    end: int

    def text(self, data: bytes) -> str:
        """The content, decoded as UTF-8 with replacement characters."""
        return data[self.start : self.end].decode("utf-8", "replace")


def read(headers: Headers, data: bytes) -> Slices[tuple[Field, ...]]:
    """All parts of the form. Raises BadRequest for ambiguous forms and duplicate fields.

    Files, and fields called `name[]`, may be repeated.
    """
    if sum(name == "content-type" for name, _ in headers) > 1:
        raise _ambiguous("it has two content types")
    delimiter = b"--" + _boundary(headers.get("content-type") or "")
    fields: list[Field] = []
    names: set[str] = set()
    at = 0
    while True:
        after = _AFTER_DELIMITER.match(data, at + len(delimiter))
        if not data.startswith(delimiter, at) or after is None:
            raise _ambiguous("its parts are not separated by its boundary")
        if after[1]:
            if after.end() != len(data):
                raise _ambiguous("there is data after its end")
            return tuple(fields)
        if len(fields) >= MAX_PARTS:
            raise TooComplex(f"is a form of more than {MAX_PARTS} parts")
        head_end = data.find(b"\r\n\r\n", after.end(), after.end() + _HEAD_BYTES)
        if head_end <= after.end():
            raise _ambiguous("a part has no headers")
        end = yield from _next_delimiter(data, delimiter, head_end + 4)
        part = _part(data[after.end() : head_end].decode("latin-1"), head_end + 4, end)
        if part.filename is None and not part.name.endswith("[]"):
            if part.name in names:
                raise BadRequest(
                    f"The form has the field {part.name[:100]!r} twice. Send it once.",
                    code="duplicate_key",
                    param=part.name,
                )
            names.add(part.name)
        fields.append(part)
        at = end + 2


def texts(fields: tuple[Field, ...], data: bytes) -> list[tuple[str, str]]:
    """Every field's name and text, and every file name. A file's content counts as text unless its field is for files.

    Raises BadRequest for text that is not UTF-8.
    """
    pairs: list[tuple[str, str]] = []
    for part in fields:
        if part.filename is not None:
            pairs.append(("filename", part.filename))
            if part.name.removesuffix("[]") in _FILES:
                continue
        charset = _CHARSET.search(part.content_type)
        try:
            if charset and charset[1].lower() not in _CHARSETS:
                raise ValueError
            pairs.append((part.name, data[part.start : part.end].decode()))
        except ValueError:
            raise BadRequest(
                f"The form's field {part.name[:100]!r} is not UTF-8 text, and this server checks texts. Send UTF-8.",
                code="unreadable_body",
            ) from None
    return pairs


def _next_delimiter(data: bytes, delimiter: bytes, start: int) -> Slices[int]:
    """The position of the line break before the next boundary. A boundary in the middle of a line is content."""
    at, count = start, 0
    while True:
        end = min(at + WINDOW, len(data))
        position = data.find(delimiter, at, end)
        if position < 0:
            yield (end - at) // _FIND_UNIT
            if end == len(data):
                raise _ambiguous("its last part has no end")
            at = max(end - len(delimiter), at + 1)
            continue
        if data[position - 2 : position] == b"\r\n" and position - 2 >= start:
            return position - 2
        if data[position - 1 : position] in (b"\n", b"\r"):
            raise _ambiguous("its boundary follows a line end that is not CRLF")
        count += 1
        if count > MAX_PARTS:
            raise TooComplex("is a form that contains its boundary too often")
        at = position + 1


def _boundary(content_type: str) -> bytes:
    _, semicolon, rest = content_type.partition(";")
    parameters = _parameters(semicolon + rest, ("boundary", "charset"))
    if parameters.get("charset", "utf-8").lower() not in _CHARSETS:  # some servers decode names and values with it
        raise _ambiguous("it is not UTF-8")
    value = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(value):
        raise _ambiguous("its boundary is missing or unusual")
    return value.encode("ascii")


def _part(head: str, start: int, end: int) -> Field:
    """The part with these headers."""
    lines = head.split("\r\n")
    if any("\r" in line or "\n" in line or "\0" in line or line[:1] in (" ", "\t") for line in lines):
        raise _ambiguous("a part's headers have line ends that are not CRLF")
    headers = [(line.partition(":")[0].strip().lower(), line.partition(":")[2].strip()) for line in lines]
    dispositions = [value for header, value in headers if header == "content-disposition"]
    if len(dispositions) != 1 or any(header not in _PART_HEADERS for header, _ in headers):
        raise _ambiguous("a part has other headers than one Content-Disposition, a type, a length and an encoding")
    if any(header == _ENCODING and value.lower() not in _IDENTITY_ENCODINGS for header, value in headers):
        raise _ambiguous("a part is encoded, which some servers decode and others do not")
    disposition, semicolon, rest = dispositions[0].partition(";")
    parameters = _parameters(semicolon + rest, ("name", "filename", "filename*"))
    name = parameters.get("name", "")
    if disposition.strip().lower() != "form-data" or not name or "\\" in name:
        raise _ambiguous("a part has no plain name")
    plain = letters(name)
    if plain in _DECISIVE and plain != name:
        raise _ambiguous(f"the name of a part is similar to {plain}")
    filename = parameters.get("filename", parameters.get("filename*"))
    if filename is not None and plain in _DECISIVE:
        raise _ambiguous(f"{plain} is sent as a file")
    content_type = "; ".join(value for header, value in headers if header == "content-type")
    charsets = _CHARSET.findall(content_type)
    if plain == "charset" or (filename is None and any(charset.lower() not in _CHARSETS for charset in charsets)):
        raise _ambiguous("a text in it is not UTF-8")
    return Field(name, filename, content_type, start, end)


def _parameters(text: str, known: tuple[str, ...]) -> dict[str, str]:
    """The parameters in a list of `; name=value`, names in lower case. Raises BadRequest for anything else.

    After a backslash a quotation mark may or may not end a value, so readers could disagree about what follows.
    """
    parameters: dict[str, str] = {}
    at = 0
    text = text.rstrip(" \t;")
    while at < len(text):
        match = _PARAMETER.match(text, at)
        name = match[1].lower() if match else ""
        # Some servers take `name*` for `name`. `filename*` is in `known` because a file's name decides nothing.
        if match is None or name in parameters or name not in known or (match[2] or "").endswith("\\"):
            raise _ambiguous("the parameters of a header are unusual")
        parameters[name] = match[2] if match[2] is not None else match[3]
        at = match.end()
    return parameters


def _ambiguous(reason: str) -> BadRequest:
    return BadRequest(
        f"This form could be read in two ways: {reason}. Send it as browsers and SDKs do: one boundary, CRLF line "
        'ends, nothing before the first part, and form-data; name="…" once in each part.',
        code="unreadable_body",
    )
