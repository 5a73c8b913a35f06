"""`python -m proxy limits`: the limits table to read, and the two documents that are made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from proxy.cli import limits_zh
from proxy.limits import LIMITS, Limit

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLATFORMS = {
    "tencent": "Tencent Cloud Functions (SCF)",
    "aws": "AWS Lambda",
    "cloudflare": "Cloudflare Workers",
    "server": "A server of your own",
}
# Whether a door lets a stream through; what is no door (uploads) is not here.
STREAMS = {
    ("tencent", "web function"): True,
    ("tencent", "event function"): False,
    ("aws", "function URL stream"): True,
    ("aws", "function URL"): False,
    ("aws", "REST API stream"): True,
    ("aws", "REST API"): False,
    ("aws", "HTTP API"): False,
    ("aws", "ALB"): False,
    ("cloudflare", "Worker"): True,
    ("server", "http"): True,
}
_HEAD = """# Limits

[中文](limits.zh-CN.md)

A sluice gate lets a stream through or holds it back. So do platforms: some pass each word of an answer on as it
comes, others take the whole answer first and give it out in one piece. And each of them stops at some size and some
time. This page lists where, as the platforms' own pages say it; it is made of `proxy/limits.py`, which the program
itself goes by.

*Fixed*: nobody can change it. *Default*: a setting changes it, and where it is too small for answers of language
models (a time-out of 3 s), change it first.

## What Sluice does before a limit is passed

- **A request that is too large** gets status 413 in OpenAI's shape with the number and what to do, wherever the
  platform shows us the request at all; otherwise you see the platform's own answer, named below.
- **An answer that is too large for a door without streams**: the pieces of a stream are merged, which takes nothing
  from the text (a stream spends some 200 bytes on each word). If it still does not fit, it ends with what fits,
  `finish_reason: "length"` and the header `x-sluice-truncated: response_limit`. Any other answer becomes a 502 that
  names the limit. Sizes are counted as the platform counts them: the whole envelope of JSON, quotation marks with
  their backslashes, binary as base64 (a third larger), Chinese twice as large where the runtime escapes it
  (Tencent's event functions; Lambda outside its managed Python 3.12 to 3.15).
- **Time**: the last 10 %, at most 2 s, are kept back for true last words. A stream ends with the text so far and
  `finish_reason: "length"`. A chat completion that was not asked for as a stream is put together from one where
  less than 60 s are left (`ASSEMBLE`), so that it too brings the text so far, with the header
  `x-sluice-truncated: deadline`. Where nothing has come yet, or nothing can be put together: 504. A time-out of 5
  s or less is said in `/readyz`.
- **A native stream on Cloudflare Workers** whose upstream breaks off ends without an error; only the missing
  `data: [DONE]` shows it. `STREAM_GUARD=1` buys the error event.
- **A Tencent event function** has the same limits behind its function URL, a load balancer (CLB) and the old API
  Gateway (switched off in batches from 2026-10-30 on); behind the function URL it carries text alone, and binary
  becomes a 502.

Unknown, because no page says it: how many bytes Tencent's web function streams at the most, and how long it lets a
stream be silent; whether a custom domain's gateway changes an encoded path.
"""
_FOOT = """
`python -m proxy limits` prints this table, `--platform aws` a part of it.
"""


def run(platform: str | None) -> int:
    """Print the rows of one platform, or of all. Returns the exit code."""
    rows = [row for row in LIMITS if platform in (None, row.platform)]
    cells = [("platform", "door", "what", "number", "kind", "when it is passed", "source, date read")]
    for row in rows:
        kind = "fixed" if row.hard else "default"
        source = f"{row.source}, {row.read}"
        cells.append((row.platform, row.door, row.what, amount(row), kind, row.answer, source))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]) - 1)]
    for line in cells:
        padded = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
        print("  ".join([*padded, line[-1]]).rstrip())
    return 0


def amount(row: Limit) -> str:
    """The number as people read it: 6 MB (6,000,000 bytes), 0.01 s, 50."""
    if row.unit == "bytes":
        large = row.number >= 100_000
        scaled = f"{row.number / 1e6:.10g} MB" if large else f"{row.number / 1e3:.10g} KB"
        return f"{scaled} ({row.number:,.0f} bytes)"
    return f"{row.number:g} s" if row.unit == "seconds" else f"{row.number:,.0f}"


def english() -> str:
    """docs/limits.md"""
    told = {True: "streams", False: "in one piece"}
    head = ("door", "what", "how much", "kind", "when it is passed", "source, date read")
    words: dict[bool, str] = {True: "fixed", False: "default"}
    return _HEAD + _tables(PLATFORMS, head, words, told, lambda text: text) + _FOOT


def chinese() -> str:
    """docs/limits.zh-CN.md. Raises KeyError for a text that limits_zh does not translate."""
    words = {True: "固定", False: "默认值,可改"}
    told = {True: "流式", False: "一次给出"}
    tables = _tables(limits_zh.PLATFORMS, limits_zh.HEAD, words, told, limits_zh.TEXTS.__getitem__)
    return limits_zh.INTRODUCTION + tables + limits_zh.FOOT


def _tables(
    platforms: dict[str, str],
    head: tuple[str, ...],
    words: dict[bool, str],
    told: dict[bool, str],
    translate: Callable[[str], str],
) -> str:
    lines: list[str] = []
    for platform, title in platforms.items():
        lines += ["", f"## {title}", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        for row in LIMITS:
            if row.platform != platform:
                continue
            streams = STREAMS.get((platform, row.door))
            door = translate(row.door) if streams is None else f"{translate(row.door)} ({told[streams]})"
            source = row.source if "/" not in row.source.split(" ")[0] else f"`{row.source}`"
            cells = (
                door,
                translate(row.what),
                amount(row),
                words[row.hard],
                translate(row.answer),
                f"{source}, {row.read}",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def write() -> int:
    """Write both documents anew."""
    for name, text in (("limits.md", english()), ("limits.zh-CN.md", chinese())):
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(write())
