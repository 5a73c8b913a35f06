"""Sums by group: bounded in memory, exact in money."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal, Inexact
from operator import itemgetter
from typing import Any

from proxy.cli.usage.options import GROUPS
from proxy.cli.usage.rows import FIGURES, FIRST_FIGURE, Row

OTHER = "(other)"
# A group takes about 1 KB. Callers can invent any number of models.
MAX_GROUPS = 20_000
# An id takes about 80 bytes. Those of the last 500,000 to 1,000,000 calls are remembered.
WINDOW_CALLS = 500_000
# Rows bound their costs, so a sum has at most 21 digits before the point and 20 after it, and is never rounded.
_EXACT = Context(prec=60, traps=[Inexact])
_COST = FIGURES.index("cost_usd")


class Sums:
    """The sums of a group's figures, in the order of FIGURES."""

    __slots__ = ("figures",)

    def __init__(self) -> None:
        self.figures: list[Any] = [0] * _COST + [Decimal(0)]

    def add(self, row: Row) -> None:
        sums = self.figures
        for index in range(_COST):
            if figure := row[FIRST_FIGURE + index]:
                sums[index] += figure
        if row.cost_usd:
            sums[_COST] = _EXACT.add(sums[_COST], row.cost_usd)

    def merge(self, other: Sums) -> None:
        for index in range(_COST):
            self.figures[index] += other.figures[index]
        self.figures[_COST] = _EXACT.add(self.figures[_COST], other.figures[_COST])

    def __getitem__(self, name: str) -> Any:
        """The sum of one of FIGURES: an int, and a Decimal for cost_usd."""
        return self.figures[FIGURES.index(name)]

    @property
    def estimated_share(self) -> float | None:
        """The share of the tokens that Sluice counted itself, 0 to 1; None if there are no tokens."""
        tokens = self["input_tokens"] + self["output_tokens"]
        return self["estimated_tokens"] / tokens if tokens else None


class Table:
    """Groups of calls by some of GROUPS. What comes after the first MAX_GROUPS groups is summed as OTHER."""

    def __init__(self, by: Sequence[str], max_groups: int = MAX_GROUPS) -> None:
        self.by = tuple(by)
        self._names = itemgetter(*(GROUPS.index(name) for name in by))
        self._max_groups = max_groups
        self._groups: dict[Any, Sums] = {}
        self._other = Sums()

    def add(self, row: Row) -> None:
        """Add a row's figures to its group."""
        names = self._names(row)
        sums = self._groups.get(names)
        if sums is None:
            if len(self._groups) >= self._max_groups:
                self._other.add(row)
                return
            sums = self._groups[names] = Sums()
        sums.add(row)

    def groups(self) -> list[tuple[tuple[str, ...], Sums]]:
        """The groups, the most expensive first, by day if that is what is grouped by first; OTHER is the last."""
        single = len(self.by) == 1
        groups = [((names,) if single else names, sums) for names, sums in self._groups.items()]
        groups.sort(key=lambda group: (*(-group[1][name] for name in _RANKS), group[0]))
        if self.by[0] == "day":
            groups.sort(key=lambda group: group[0][0])
        if self._other["calls"]:
            groups.append(((OTHER,) * len(self.by), self._other))
        return groups

    def total(self) -> Sums:
        """The sums of all groups."""
        total = Sums()
        for sums in (*self._groups.values(), self._other):
            total.merge(sums)
        return total


_RANKS = ("cost_usd", "output_tokens", "input_tokens", "calls")


class Window:
    """The ids of the last calls. Two exports of overlapping times have the same calls twice."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._recent: set[int] = set()
        self._older: set[int] = set()
        self.duplicates = 0
        self.is_full = False

    def has(self, request_id: str) -> bool:
        """Whether the id is known, which counts it as a duplicate. Remembers it."""
        # Python's hash of a text has 64 bits and a secret seed: a collision among a million ids is one in 10^7.
        number = hash(request_id)
        if number in self._recent or number in self._older:
            self.duplicates += 1
            return True
        self._recent.add(number)
        if len(self._recent) >= self._calls:
            self._recent, self._older, self.is_full = set(), self._recent, True
        return False
