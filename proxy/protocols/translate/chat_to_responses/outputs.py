"""The output items of one response, and how much of each has been said. Pure.

An upstream sends a text several times: in pieces, then whole when its part, its item and the response are done. Some
leave out the pieces, some the whole texts. So each form adds only what is still missing.
"""

from __future__ import annotations

import zlib
from typing import Any

MESSAGE, REASONING, FUNCTION, CUSTOM = "message", "reasoning", "function_call", "custom_tool_call"
KINDS = (MESSAGE, REASONING, FUNCTION, CUSTOM)


class Said:
    """How much of a text has been said: its length and a checksum, so that the text need not be kept."""

    __slots__ = ("_checksum", "length")

    def __init__(self) -> None:
        self.length = self._checksum = 0

    def add(self, text: str) -> None:
        """Add what is said now."""
        self.length += len(text)
        self._checksum = _checksum(text, self._checksum)

    def missing(self, whole: str) -> str:
        """The end of a whole text that has not been said. Empty if it begins otherwise: what was said stands."""
        return whole[self.length :] if _checksum(whole[: self.length]) == self._checksum else ""


def _checksum(text: str, before: int = 0) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"), before)


class Item:
    """An output item.

    `said` has its texts by member and position. `call_id`, `name`, `index`, `held` and `first` are a call's: `index` is
    None until it is written, `held` are pieces that came before, and `first` is what the item began with.
    """

    __slots__ = ("call_id", "first", "has_detail", "held", "index", "is_done", "kind", "name", "said")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.said: dict[tuple[str, int], Said] = {}
        self.call_id = self.name = self.first = ""
        self.index: int | None = None
        self.held: list[str] = []
        self.has_detail = self.is_done = False

    def text(self, member: str, position: int = 0) -> Said:
        """What has been said of one text."""
        return self.said.setdefault((member, position), Said())

    def length(self, member: str) -> int:
        """How many characters have been said of a member's texts."""
        return sum(said.length for (name, _), said in self.said.items() if name == member)


class Items(list[Item]):
    """The items, in order, and which of them an event is about.

    An id is better than a position, which some providers do not count. But some send another id with each event, and
    some none.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_id: dict[tuple[str, str], Item] = {}
        self._by_place: dict[tuple[str, int], Item] = {}
        self._by_kind: dict[str, list[Item]] = {kind: [] for kind in KINDS}

    def add(self, kind: str, place: Any, identifier: Any) -> Item:
        """A new item."""
        item = Item(kind)
        self.append(item)
        self._by_kind[kind].append(item)
        if isinstance(place, int):
            self._by_place[kind, place] = item
        if isinstance(identifier, str):
            self._by_id[kind, identifier] = item
        return item

    def find(self, kind: str, place: Any, identifier: Any, is_done: bool = False) -> Item:
        """The item of an event, which may be a new one. `is_done`: the event is the end of the item."""
        item = self._by_id.get((kind, identifier)) if isinstance(identifier, str) else None
        if item is not None:
            return item
        if isinstance(place, int):
            item = self._by_place.get((kind, place))
        elif not isinstance(identifier, str) and self._by_kind[kind]:
            item = self._by_kind[kind][-1]
        return self.add(kind, place, identifier) if item is None or (is_done and item.is_done) else item

    def find_nth(self, kind: str, position: int, identifier: Any) -> Item:
        """The item of the whole output that is there after `position` others of its kind."""
        item = self._by_id.get((kind, identifier)) if isinstance(identifier, str) else None
        if item is not None:
            return item
        same = self._by_kind[kind]
        return same[position] if position < len(same) else self.add(kind, None, identifier)
