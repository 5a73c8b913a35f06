"""A file that stands in a request in base64 or percent-encoded, and the text in it. Pure."""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from proxy.moderation.windows import LENGTH

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.-]{1,20})", re.IGNORECASE)
# What else than UTF-8 a file's type may say that its text is in.
_CHARSETS = frozenset("gbk gb2312 gb18030 big5 shift_jis euc-jp euc-kr utf-16 utf-16le utf-16be latin-1".split())
# How files begin that have no plain text in them: PDF, zip (Office), images, gzip, sounds.
_BINARY = (b"%PDF", b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"\x1f\x8b", b"ID3", b"OggS", b"fLaC")
_NOT_BASE64 = re.compile("[^A-Za-z0-9+/]+")
_TEXT_TYPE = re.compile(r"text/|application/(?:json|xml|javascript|x-|[a-z.-]+\+(?:json|xml))|\Z", re.IGNORECASE)


class EncodedFile(str):  # noqa: SLOT000 — a str has no slots that are its own
    """A file in base64, of either alphabet, or percent-encoded where it is `quoted`."""

    charset: str
    quoted: bool
    is_text: bool  # its type says so: then nothing in it makes it something else

    @classmethod
    def of(cls, data: str, kind: str, is_url: bool) -> EncodedFile:
        """The file with this type, which may be empty. In a `data:` URL the type says how it is encoded, too."""
        file = cls(data)
        charset = _CHARSET.search(kind)
        file.charset = charset[1].lower() if charset and charset[1].lower() in _CHARSETS else "utf-8"
        file.quoted = is_url and ";base64" not in kind.lower()
        file.is_text = (is_url or bool(kind)) and _TEXT_TYPE.match(kind.split(";", maxsplit=1)[0]) is not None
        return file

    def decoded(self) -> Iterator[str]:
        """The text of the file in pieces, the first on a line of its own; none of a file without text."""
        decoder: codecs.IncrementalDecoder | None = None
        rest = ""
        for at in range(0, len(self), LENGTH):
            piece = rest + self[at : at + LENGTH]
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
    """Whether a file of no certain type has no text, by how it begins. UTF-16 says so itself, and has zeros."""
    return start.startswith(_BINARY) or (b"\0" in start[:4096] and not start.startswith((b"\xff\xfe", b"\xfe\xff")))
