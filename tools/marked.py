"""What tools write into documents: blocks between `<!-- name -->` and `<!-- end -->`, and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

_MARKED = re.compile(r"(<!-- ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(text: str, block: Callable[[str], str]) -> str:
    """`text` with what `block` makes of each mark's name between the mark and its end."""
    return _MARKED.sub(lambda match: f"{match[1]}{block(match[2])}{match[3]}", text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown. No cell may have a line end."""
    first, *others = (f"| {' | '.join(row)} |\n" for row in (head, *rows))
    return first + "|---" * len(head) + "|\n" + "".join(others)
