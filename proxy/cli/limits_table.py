"""`python -m proxy limits`: prints the table of limits in the reader's language, fitted to the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from itertools import groupby

from proxy.cli import limits, text_table, text_wrap
from proxy.cli.limits import Language
from proxy.platforms.limits import LIMITS, Limit
from proxy.platforms.registry import PLATFORMS

_LANGUAGES = {"en": (limits.ENGLISH, "platform"), "zh": (limits.CHINESE, "平台")}
_INDENT, _DEEPER = 2, 4


def run(platform: str | None, language: str) -> int:
    """Print the rows of one platform, or of all if None, in `en` or `zh`. Returns the exit code.

    On a terminal that is too narrow for the table each limit becomes a paragraph. A file or a pipe gets the table.
    """
    rows = [row for row in LIMITS if platform in (None, row.platform)]
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    # Windows and the C locale may have no Chinese characters.
    encoding = sys.stdout.encoding or "utf-8"
    text = "\n".join(lines(rows, language, columns)).encode(encoding, "replace").decode(encoding)
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # `| head` has closed the pipe. The interpreter's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def lines(rows: Sequence[Limit], language: str, columns: int | None) -> list[str]:
    """The lines of a table of limits, none wider than `columns`; None for no limit."""
    words, platform = _LANGUAGES[language]
    table = [(platform, *words.head), *((row.platform, *limits.cells(row, words)) for row in rows)]
    written = text_table.lines(table, len(table[0]), None)
    if columns is None or max(map(text_table.width, written)) <= columns:
        return written
    return _paragraphs(rows, words, columns)


def _paragraphs(rows: Sequence[Limit], words: Language, columns: int) -> list[str]:
    """Each limit as a paragraph below its platform and its door."""
    titles = {platform.name: words.title(platform) for platform in PLATFORMS}
    passed = words.head[4]
    written: list[str] = []
    for (platform, door), group in groupby(rows, lambda row: (row.platform, limits.cells(row, words)[0])):
        written += ["", *text_wrap.wrap(f"{titles[platform]}{words.colon}{door}", columns)]
        for row in group:
            _, what, amount, kind, answer, source = limits.cells(row, words)
            written += text_wrap.wrap(f"{what}{words.colon}{amount}{words.comma}{kind}", columns, _INDENT)
            written += text_wrap.wrap(f"{passed}{words.colon}{answer}", columns, _DEEPER)
            written += text_wrap.wrap(source, columns, _DEEPER)
    return written[1:]
