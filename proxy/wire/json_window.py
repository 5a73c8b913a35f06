"""A window that slides over the bytes of a JSON text: so much of it as one step may work on. Pure."""

from __future__ import annotations

import re

from proxy.wire import bounded_json
from proxy.wire.work import SLICE, Slices

WINDOW = 65_536  # bytes: C's scanner takes some milliseconds for them at the very worst
UNIT = 32  # bytes that count as one unit of work
_SPACE = re.compile(r"[ \t\n\r]*")
# The escape of the first half of a character beyond U+FFFF; the second follows it.
_HALF = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")


class Window:
    """Positions are characters of `text`. In UTF-8 where `utf8` says so, else each byte is one character."""

    def __init__(self, data: bytes, utf8: bool, start: int = 0) -> None:
        self._data = data
        self._utf8 = utf8
        self._units = 0
        self._known = (0, start)  # a character of the window, and the byte that it starts at
        self._ascii = True
        self.text = ""
        self.slide(0)

    def slide(self, at: int) -> None:
        """Have the window begin at its character `at`."""
        base = self.byte(at)
        end = min(base + WINDOW, len(self._data))
        chunk = self._data[base:end]
        if self._utf8:
            cut = len(chunk)
            if end < len(self._data):  # a character stays whole
                while cut > len(chunk) - 4 and chunk[cut - 1] & 0xC0 == 0x80:
                    cut -= 1
                cut -= chunk[cut - 1] >= 0xC0
            self.text = chunk[:cut].decode()  # UnicodeDecodeError is a ValueError
            self._ascii = len(self.text) == cut
            self._next = base + cut
        else:
            self.text, self._next = chunk.decode("latin-1"), end  # a character a byte
        self._known = (0, base)
        if bounded_json.FATAL:
            bounded_json.check(self.text)

    def byte(self, at: int) -> int:
        """The byte that the character `at` starts at. Asked in rising order, so that nothing is encoded twice."""
        known, base = self._known
        base += at - known if self._ascii else len(self.text[known:at].encode())
        self._known = (at, base)
        return base

    @property
    def last(self) -> bool:
        """Whether nothing follows the window."""
        return self._next >= len(self._data)

    def charge(self, units: int) -> bool:
        """Count work; True when it is others' turn."""
        self._units += units
        return self._units >= SLICE

    def spent(self) -> int:
        """The units of work since this was asked last."""
        units, self._units = self._units, 0
        return units

    def past_space(self, at: int) -> Slices[int]:
        """The first character from `at` on that is no white space, or the end of the window where nothing follows."""
        while True:
            at = _SPACE.match(self.text, at).end()  # type: ignore[union-attr]  # it also matches nothing
            if at < len(self.text) or self.last:
                return at
            if self.charge(len(self.text) // UNIT):
                yield self.spent()
            self.slide(at)
            at = 0


def before_escape(text: str) -> int:
    """Where a text can be cut so that no escape, and no pair of them that makes one character, is cut in two."""
    end = len(text)
    at = text.rfind("\\", max(0, end - 6))
    if at >= 0 and _is_escape(text, at) and (at + 1 == end or (text[at + 1] == "u" and end - at < 6)):
        end = at
    return end - 6 if _HALF.match(text, end - 6) and _is_escape(text, end - 6) else end


def _is_escape(text: str, at: int) -> bool:
    """Whether the backslash at `at` begins an escape, and is not the second half of one."""
    return (at + 1 - len(text[: at + 1].rstrip("\\"))) % 2 == 1
