"""A window that slides over the bytes of a JSON text: as much as one step may process. Pure."""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined,unused-ignore]

from proxy.errors import TooComplex
from proxy.wire import bounded_json
from proxy.wire.json_rules import MAX_TEXT
from proxy.wire.work import SLICE, Slices

WINDOW = 65_536  # bytes; C's scanner takes a few milliseconds for them in the worst case
UNIT = 32  # bytes that count as one unit of work
_SPACE = re.compile(r"[ \t\n\r]*")
_SPACES = frozenset(" \t\n\r")
_NUMBER = re.compile(r"[-+.0-9eE]*")
# The escape of a high surrogate; that of the low one follows it.
_HIGH_SURROGATE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")


class Window:
    """Positions are characters of `text`. With `utf8` the data is decoded as UTF-8, else as one character per byte."""

    def __init__(self, data: bytes, utf8: bool, start: int = 0) -> None:
        self._data = data
        self._utf8 = utf8
        self._units = 0
        self._known = (0, start)  # a position in the window, and the byte where it starts
        self._ascii = True
        self.text = ""
        self.slide(0)

    def slide(self, at: int) -> None:
        """Move the start of the window to position `at`."""
        base = self.byte(at)
        end = min(base + WINDOW, len(self._data))
        chunk = self._data[base:end]
        if self._utf8:
            cut = len(chunk)
            if end < len(self._data):  # do not cut a character in two
                while cut > len(chunk) - 4 and chunk[cut - 1] & 0xC0 == 0x80:
                    cut -= 1
                cut -= chunk[cut - 1] >= 0xC0
            self.text = chunk[:cut].decode()  # UnicodeDecodeError is a ValueError
            self._ascii = len(self.text) == cut
            self._next = base + cut
        else:
            self.text, self._next = chunk.decode("latin-1"), end
        self._known = (0, base)
        if bounded_json.FATAL:
            bounded_json.check(self.text)

    def byte(self, at: int) -> int:
        """The byte where position `at` starts. Ask in rising order, so that nothing is encoded twice."""
        known, base = self._known
        base += at - known if self._ascii else len(self.text[known:at].encode())
        self._known = (at, base)
        return base

    @property
    def last(self) -> bool:
        """Whether the window reaches the end of the data."""
        return self._next >= len(self._data)

    def charge(self, units: int) -> bool:
        """Count work; True when it is time to yield to other calls."""
        self._units += units
        return self._units >= SLICE

    def spent(self) -> int:
        """The units of work since the last call of this."""
        units, self._units = self._units, 0
        return units

    def past_space(self, at: int) -> Slices[int]:
        """The first position from `at` on that is not white space, or the end of the data."""
        while True:
            at = space_end(self.text, at)
            if at < len(self.text) or self.last:
                return at
            if self.charge(len(self.text) // UNIT):
                yield self.spent()
            self.slide(at)
            at = 0

    def long_string(self, keep: bool) -> Slices[tuple[str, int]]:
        """The string that the window begins with and does not hold completely, and the position after it.

        The string is empty unless `keep`. Raises TooComplex above MAX_TEXT characters if they are not all ASCII.
        """
        parts: list[str] = []
        size, is_ascii, at = 0, True, 1
        while True:
            text, last = self.text, self.last
            cut = len(text) if last else before_escape(text)
            part, end = scanstring(text if last else text[:cut] + '"', at)
            if keep:
                parts.append(part)
                size, is_ascii = size + len(part), is_ascii and part.isascii()
                if size > MAX_TEXT and not is_ascii:
                    raise TooComplex(f"has a text of more than {MAX_TEXT} characters")
            if self.charge(1 + len(text) // UNIT):
                yield self.spent()
            if last or end <= cut:
                return "".join(parts), end
            self.slide(cut)
            at = 0

    def skip_number(self) -> Slices[int]:
        """The position after the number that the window begins with. Raises ValueError if there is none."""
        at = _NUMBER.match(self.text).end()  # type: ignore[union-attr]  # always matches
        if at == 0:
            raise ValueError
        while at == len(self.text) and not self.last:
            if self.charge(at // UNIT):
                yield self.spent()
            self.slide(at)
            at = _NUMBER.match(self.text).end()  # type: ignore[union-attr]
        return at


def space_end(text: str, at: int) -> int:
    """The first position from `at` on that is not white space."""
    return _SPACE.match(text, at).end() if text[at : at + 1] in _SPACES else at  # type: ignore[union-attr]  # matches


def before_escape(text: str) -> int:
    """Where a string can be cut without splitting an escape, or the two escapes of a surrogate pair."""
    end = len(text)
    at = text.rfind("\\", max(0, end - 6))
    if at >= 0 and _is_escape(text, at) and (at + 1 == end or (text[at + 1] == "u" and end - at < 6)):
        end = at
    return end - 6 if _HIGH_SURROGATE.match(text, end - 6) and _is_escape(text, end - 6) else end


def _is_escape(text: str, at: int) -> bool:
    """Whether the backslash at `at` begins an escape, rather than being escaped itself."""
    return (at + 1 - len(text[: at + 1].rstrip("\\"))) % 2 == 1
