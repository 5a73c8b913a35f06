"""`python -m proxy limits`: the limits table to read, and the two documents that are made of it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.cli import limits_zh
from proxy.platforms import limit_texts as words
from proxy.platforms.limits import LIMITS, Limit
from proxy.platforms.platform import Door, Platform
from proxy.platforms.registry import DOORS, PLATFORMS

DOCS = Path(__file__).resolve().parents[2] / "docs"
_HEAD = """# Limits

[中文](limits.zh-CN.md)

A sluice gate lets a stream through or holds it back. So do platforms: some pass each word of an answer on as it
comes, others take the whole answer first and give it out in one piece. And each of them stops at some size and some
time. This page lists where, as the platforms' own pages say it; it is made of `proxy/platforms/limits.py`, which the
program itself goes by.

A *door* is the way by which calls come in: a function URL, a gateway, a load balancer. Behind its name stands whether
it *streams* or gives an answer out *in one piece*. *Fixed*: nobody can change it. *Default*: a setting or a plan
changes it, and where it is too small for answers of language models (a time-out of 3 s), change it first. 1 MB is a
million bytes here.

## What Sluice does before a limit is passed

- **A request that is too large** gets status 413 in OpenAI's shape with the number and what to do, wherever the
  platform shows us the request at all; otherwise you see the platform's own answer, named below.
- **An answer that is too large for a door without streams**: the pieces of a stream are merged, which takes nothing
  from the text (a stream spends some 200 bytes on each word). If it still does not fit, it ends with what fits,
  `finish_reason: "length"` and the header `x-sluice-truncated: response_limit`. Any other answer becomes a 502 that
  names the limit.
- **An answer that is too large and was not asked for as a stream, at a door that streams**: Tencent's web function
  gives out 6 MB in one piece. An answer whose length is known beforehand becomes a 502 that names the limit, in place
  of the platform's bare 407.
- **Sizes are counted as the platform counts them**, and that is more than your text: AWS Lambda's 6,291,556 bytes are
  for the whole envelope of JSON, quotation marks with their backslashes. Binary goes as base64, a third larger, so
  that 6 MB hold about 4.5 MB of it and an ALB's 1 MB about 0.75 MB. Chinese is twice as large where the runtime
  escapes it (Tencent's event functions; Lambda outside its managed Python 3.12 to 3.15).
- **Time**: the last 10 %, at most 2 s, are kept back for true last words. A stream ends with the text so far and
  `finish_reason: "length"`. A chat completion that was not asked for as a stream is put together from one where
  less than 60 s are left (`ASSEMBLE`), so that it too brings the text so far, with the header
  `x-sluice-truncated: deadline`. Where nothing has come yet, or nothing can be put together: 504. A time-out
  of 5 s or less is said in `/readyz`.
- **Cloudflare Workers** limit neither the size of an answer nor, while the caller is connected, its time; what runs
  out first there is CPU time.
- **A native stream on Cloudflare Workers** whose upstream breaks off ends without an error; only the missing
  `data: [DONE]` shows it. `STREAM_GUARD=1` buys the error event.
- **A Tencent event function** has the same limits behind its function URL, a load balancer (CLB) and the old API
  Gateway (switched off in batches from 2026-10-30 on); behind the function URL it carries text alone, and binary
  becomes a 502.

Unknown, because no page says it: how many bytes Tencent's web function streams at the most, and how long it lets a
stream be silent; what Tencent answers when a function starts too slowly; whether a custom domain's gateway changes an
encoded path. Pages that differ: one of Tencent's gives an instance 2 to 100 calls at once (583/47183), another one
SSE connection (583/90617).
"""
_FOOT = """
`python -m proxy limits` prints this table, `--platform aws` a part of it.
"""


@dataclass(frozen=True, slots=True)
class Language:
    """What one language's page needs. `translate` and `cite` take the table's own English texts."""

    title: Callable[[Platform], str]
    door: Callable[[Door], str]
    head: tuple[str, ...]
    kinds: Mapping[bool, str]
    streams: Mapping[bool, str]
    units: Mapping[str, str]
    translate: Callable[[str], str]
    cite: Callable[[str], str]


def run(platform: str | None) -> int:
    """Print the rows of one platform, or of all, as plain ASCII. Returns the exit code."""
    cells = [("platform", "door", "what", "number", "kind", "when it is passed", "source, date read")]
    for row in LIMITS:
        if platform in (None, row.platform):
            kind = words.KINDS[row.hard]
            source = f"{row.source}, {row.read}"
            cells.append((row.platform, row.door, row.what, words.amount(row), kind, row.answer, source))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]) - 1)]
    lines = ["  ".join([text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)]) for row in cells]
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        # `| head` has read what it wanted; the interpreter's own flush at the end must not fail over it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def english() -> str:
    """docs/limits.md"""
    language = Language(
        title=lambda platform: platform.title,
        door=lambda door: door.name,
        head=("door", "what", "how much", "kind", "when it is passed", "source, date read"),
        kinds=words.KINDS,
        streams={True: "streams", False: "in one piece"},
        units=words.UNITS,
        translate=str,
        cite=str,
    )
    return _HEAD + _tables(language) + _FOOT


def chinese() -> str:
    """docs/limits.zh-CN.md. Raises KeyError for a text that limit_texts does not translate."""
    language = Language(
        title=lambda platform: platform.title_zh,
        door=lambda door: door.name_zh,
        head=limits_zh.HEAD,
        kinds=words.KINDS_ZH,
        streams=words.STREAMS_ZH,
        units=words.UNITS_ZH,
        translate=words.TEXTS_ZH.__getitem__,
        cite=lambda source: limits_zh.SOURCES[source] if " " in source else source,
    )
    return limits_zh.INTRODUCTION + _tables(language) + limits_zh.FOOT


def write() -> int:
    """Write both documents anew. Returns the exit code."""
    for name, text in (("limits.md", english()), ("limits.zh-CN.md", chinese())):
        (DOCS / name).write_text(text, encoding="utf-8", newline="\n")
        print(f"docs/{name}")
    return 0


def _tables(language: Language) -> str:
    lines: list[str] = []
    for platform in PLATFORMS:
        lines += [
            "",
            f"## {language.title(platform)}",
            "",
            f"| {' | '.join(language.head)} |",
            "|" + "---|" * len(language.head),
        ]
        for row in LIMITS:
            if row.platform == platform.name:
                lines.append(f"| {' | '.join(_cells(row, language))} |")
    return "\n".join([*lines, ""])


def _cells(row: Limit, language: Language) -> tuple[str, ...]:
    door = DOORS.get((row.platform, row.door))  # None for what holds at every door, or at the upload
    # The page stands as code, so that no renderer takes an underscore or a dot of it for more than it is.
    source = re.sub(r"^[\w.-]+/[^\s,:]*", r"`\g<0>`", language.cite(row.source))
    return (
        f"{language.door(door)} ({language.streams[door.streams]})" if door else language.translate(row.door),
        language.translate(row.what),
        words.amount(row, language.units),
        language.kinds[row.hard],
        language.translate(row.answer),
        f"{source}, {row.read}",
    )


if __name__ == "__main__":
    sys.exit(write())
