"""The two documents that are generated from the table of limits: `python -m proxy limits --write`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.cli import limits_zh
from proxy.platforms import limit_texts as texts
from proxy.platforms.limits import LIMITS, Limit
from proxy.platforms.platform import Door, Platform
from proxy.platforms.registry import DOORS, PLATFORMS

DOCS = Path(__file__).resolve().parents[2] / "docs"
_HEAD = """# Limits

[中文](limits.zh-CN.md)

A sluice gate either lets water through or holds it back. Platforms do the same: some pass on each word of an answer
as it arrives, others collect the whole answer and send it in one piece. Each has limits on size and time. This page
lists them as the platforms document them. It is generated from `proxy/platforms/limits.py`, which the program itself
uses.

A *door* is the way that calls come in: a function URL, a gateway, a load balancer. After its name you see whether it
*streams* or sends an answer *in one piece*. *Fixed*: nobody can change it. *Default*: a setting or a plan changes it;
if it is too small for language models (a time-out of 3 s), change it first. 1 MB is a million bytes here.

![Each way in of each platform: whether it streams or sends an answer in one piece, with the sizes and times that it
takes.](platforms.svg)

## What Sluice does before a limit is reached

- **The request is too large**: status 413 in OpenAI's shape, with the limit and what to do, if the platform passes
  the request on at all. Otherwise you see the platform's own answer, listed below.
- **The answer is too large for a door that does not stream**: the events of a stream are merged, which loses no text
  (a stream spends about 200 bytes on each word). If that is not enough, the answer ends with what fits, with
  `finish_reason: "length"` and the header `x-sluice-truncated: response_limit`. Any other answer becomes a 502 that
  names the limit.
- **A buffered answer is too large for a door that streams**: Tencent's web function sends at most 6 MB in one piece.
  If the length is known in advance, the answer becomes a 502 that names the limit, instead of the platform's bare
  407.
- **Sizes are counted as the platform counts them**, which is more than your text. AWS Lambda's 6,291,556 bytes
  include the whole JSON envelope, with a backslash before each quotation mark. Binary is sent as base64, a third
  larger, so 6 MB hold about 4.5 MB of it and an ALB's 1 MB about 0.75 MB. Chinese takes twice the space if the
  runtime escapes it (Tencent's event functions; Lambda except its managed Python 3.12 to 3.15).
- **Time**: the last 10 %, at most 2 s, are reserved for ending the answer properly. A stream ends with the text so
  far and `finish_reason: "length"`. If less than 60 s are left, a chat completion without streaming is requested as a
  stream and assembled (`ASSEMBLE`), so it also returns the text so far, with the header
  `x-sluice-truncated: deadline`. If nothing has arrived yet, or nothing can be assembled: 504. `/readyz` warns about
  a time-out of 5 s or less.
- **Cloudflare Workers** limit neither the size of an answer nor, while the caller stays connected, its time. CPU time
  is what runs out first.
- **A native stream on Cloudflare Workers** ends without an error if its upstream disconnects; only the missing
  `data: [DONE]` shows it. With `STREAM_GUARD=1` an error event is sent.
- **A Tencent event function** has the same limits with a function URL, a load balancer (CLB) and the old API Gateway
  (shut down in batches from 2026-10-30). A function URL carries text only; binary becomes a 502.
- **Vercel** limits neither the size of a stream nor that of any other answer of a Python function, because all of them
  may stream.
- **Azure Functions** end a call that sends nothing for 230 s. Sluice answers 504 a few seconds before that; a stream
  goes on, because its pings end the silence. No size of an answer is documented as a limit.
- **Cloud Run** limits only answers in one piece. Sluice sends larger ones in chunks, so none is refused for its size.

Not documented, and so unknown: how many bytes Tencent's web function streams at most and how long a stream may stay
silent; what Tencent answers if a function starts too slowly; whether a custom domain's gateway changes an encoded
path; how large an answer of Aliyun's web function may be, in one piece or streamed, how long it may stay silent, and
whether its gateway changes an encoded path. Documents that contradict each other: one of Tencent's pages gives an
instance 2 to 100 concurrent calls (583/47183), another a single SSE connection (583/90617).

Not documented by Vercel: whether a Python function is told that its caller has left, how long a stream may stay silent,
how many calls one instance takes at once, and whether an encoded path reaches the function unchanged.

Not documented by Microsoft: whether a stream that goes on sending may last longer than 230 s (they are "the maximum
amount of time that an HTTP triggered function can take to respond", but the reason given is an idle time-out), whether
its front end passes each piece on at once and tells the host that a caller has left, and how large a package may be.

Not documented by Google: how many headers Cloud Run takes, how long a stream may stay silent, and whether the service
is told over HTTP/1 that its caller has left. Documented: some characters of an encoded path arrive decoded.

Not documented for Python functions of EdgeOne Pages: the size of an answer, how long a stream may stay silent, calls at
once in an instance, and what its network does to streams and paths. The sizes are those of its Node.js functions.
"""
_FOOT = """
`python -m proxy limits` prints this table, fitted to the terminal. `--platform aws` prints one platform, and
`--lang zh` prints it in Chinese.
"""


@dataclass(frozen=True, slots=True)
class Language:
    """What one language's page needs. `translate` and `cite` take the table's own English texts."""

    title: Callable[[Platform], str]
    door: Callable[[Door], str]
    head: tuple[str, ...]
    brackets: tuple[str, str]
    colon: str
    comma: str
    kinds: Mapping[bool, str]
    streams: Mapping[bool, str]
    units: Mapping[str, str]
    translate: Callable[[str], str]
    cite: Callable[[str], str]


ENGLISH = Language(
    title=lambda platform: platform.title,
    door=lambda door: door.name,
    head=("door", "what", "how much", "kind", "when it is passed", "source, date read"),
    brackets=texts.BRACKETS,
    colon=": ",
    comma=", ",
    kinds=texts.KINDS,
    streams={True: "streams", False: "in one piece"},
    units=texts.UNITS,
    translate=str,
    cite=str,
)
CHINESE = Language(
    title=lambda platform: platform.title_zh,
    door=lambda door: door.name_zh,
    head=limits_zh.HEAD,
    brackets=texts.BRACKETS_ZH,
    colon="：",
    comma="，",
    kinds=texts.KINDS_ZH,
    streams=texts.STREAMS_ZH,
    units=texts.UNITS_ZH,
    translate=lambda text: texts.TEXTS_ZH[text],
    cite=lambda source: limits_zh.SOURCES[source] if " " in source else source,
)


def english() -> str:
    """docs/limits.md"""
    return _HEAD + _tables(ENGLISH) + _FOOT


def chinese() -> str:
    """docs/limits.zh-CN.md. Raises KeyError for a text that limit_texts does not translate."""
    return limits_zh.INTRODUCTION + _tables(CHINESE) + limits_zh.FOOT


def write() -> int:
    """Write both documents. Returns the exit code, 1 with a message if they cannot be written."""
    for name, text in (("limits.md", english()), ("limits.zh-CN.md", chinese())):
        try:
            (DOCS / name).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            print(
                f"sluice: cannot write {DOCS / name}: {error.strerror}. Run this in a checkout of your own.",
                file=sys.stderr,
            )
            return 1
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
                *plain, source = cells(row, language)
                lines.append(f"| {' | '.join([*plain, _as_code(source)])} |")
    return "\n".join([*lines, ""])


def cells(row: Limit, language: Language) -> tuple[str, ...]:
    """What the table says of a limit, in the order of the language's `head`."""
    door = DOORS.get((row.platform, row.door))  # None for a limit of every door, or of the upload
    opening, closing = language.brackets
    name = f"{language.door(door)}{opening}{language.streams[door.streams]}{closing}" if door else ""
    return (
        name or language.translate(row.door),
        language.translate(row.what),
        texts.amount(row, language.units, language.brackets),
        language.kinds[row.hard],
        language.translate(row.answer),
        f"{language.cite(row.source)}{language.comma}{row.read}",
    )


def _as_code(source: str) -> str:
    """A source whose page is code, so that no renderer treats an underscore or a dot in it as markup."""
    return re.sub(r"^[\w.-]+/[^\s,:，]*", r"`\g<0>`", source)


if __name__ == "__main__":
    sys.exit(write())
