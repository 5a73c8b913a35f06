"""A base64 or percent-encoded file in a request, and the text in it. Pure."""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from proxy.moderation.windows import SLICE_LENGTH

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.-]{1,20})", re.IGNORECASE)
# Charsets other than UTF-8 that a file's type may declare.
_CHARSETS = frozenset("gbk gb2312 gb18030 big5 shift_jis euc-jp euc-kr utf-16 utf-16le utf-16be latin-1".split())
# The first bytes of files without plain text: PDF, zip (Office), images, gzip, audio.
_BINARY_SIGNATURES = (
    b"%PDF",
    b"PK\x03\x04",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"\x1f\x8b",
    b"ID3",
    b"OggS",
    b"fLaC",
)
_NOT_BASE64 = re.compile("[^A-Za-z0-9+/]+")
_TEXT_TYPE = re.compile(r"text/|application/(?:json|xml|javascript|x-|[a-z.-]+\+(?:json|xml))|\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A file in base64 of either alphabet, or percent-encoded if it is `quoted`.

    `is_text` says that its type declares text; then its content is read as text whatever it looks like.
    """

    data: str
    charset: str
    quoted: bool
    is_text: bool

    @classmethod
    def of(cls, data: str, kind: str, is_url: bool) -> EncodedFile:
        """Return the file with this type, which may be empty. In a `data:` URL the type also declares the encoding."""
        match = _CHARSET.search(kind)
        charset = match[1].lower() if match and match[1].lower() in _CHARSETS else "utf-8"
        quoted = is_url and ";base64" not in kind.lower()
        is_text = (is_url or bool(kind)) and _TEXT_TYPE.match(kind.split(";", maxsplit=1)[0]) is not None
        return cls(data, charset, quoted, is_text)

    def decoded(self) -> Iterator[str]:
        """Yield the text of the file in pieces, starting on a new line. Yields nothing for a file without text."""
        decoder: codecs.IncrementalDecoder | None = None
        rest = ""
        for start in range(0, len(self.data), SLICE_LENGTH):
            piece = rest + self.data[start : start + SLICE_LENGTH]
            if self.quoted:
                cut = len(piece) - 2 + piece[-2:].find("%") if "%" in piece[-2:] else len(piece)
                plain, rest = unquote_to_bytes(piece[:cut]), piece[cut:]
            else:
                piece = _NOT_BASE64.sub("", piece.replace("-", "+").replace("_", "/"))
                whole = len(piece) - len(piece) % 4
                plain, rest = base64.b64decode(piece[:whole]), piece[whole:]
            if decoder is None:
                if not self.is_text and _is_binary(plain):
                    return
                charset = "utf-16" if plain.startswith((b"\xff\xfe", b"\xfe\xff")) else self.charset
                decoder = codecs.getincrementaldecoder(charset)("replace")
                yield "\n"
            yield decoder.decode(plain)
        if decoder is not None:
            if self.quoted:
                yield decoder.decode(rest.encode("utf-8", "replace"))
            elif len(rest) > 1:
                yield decoder.decode(base64.b64decode(rest + "=" * (4 - len(rest))))
            yield decoder.decode(b"", final=True)


def _is_binary(start: bytes) -> bool:
    """Whether the beginning of a file of uncertain type shows that it has no text. UTF-16 has zeros but also a BOM."""
    return start.startswith(_BINARY_SIGNATURES) or (
        b"\0" in start[:4096] and not start.startswith((b"\xff\xfe", b"\xfe\xff"))
    )
