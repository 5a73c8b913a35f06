"""`python -m proxy tokens FILE|-`: how many tokens a text or a file of requests has, and what they cost as a prompt."""

from __future__ import annotations

import json
import math
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from proxy import tokens
from proxy.cost import prices
from proxy.cost.prices import Tokens
from proxy.errors import NotInstalled
from proxy.protocols import registry
from proxy.tokens import vocabulary
from proxy.tokens.models import model_of
from proxy.tokens.prompt import Count, Counter
from proxy.tokens.vocabulary import Budget

# A file from this size on shows how far it is, where somebody looks on.
_LARGE = 4_000_000
_BLOCK = 1_000_000
_SHOWN_LINES = 50
_NOT_HERE = (
    "Counting needs the package tiktoken, which this Python does not have. Run `make setup` (or `python dev.py setup`) "
    "in the project's folder, then the same command again."
)


def run(file: str, model: str, out: TextIO | None = None) -> int:
    """Print a table and the total. Returns 1 with a sentence when the file cannot be read or nothing can count here."""
    out = out or sys.stdout
    started = time.monotonic()
    try:
        size = None if file == "-" else Path(file).stat().st_size
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            rows = list(_rows(source, size, model))
    except OSError as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 1
    except NotInstalled:  # its own message is for who has deployed a bundle, and no bundle has this command
        print(f"sluice: {_NOT_HERE}", file=sys.stderr)
        return 1
    _print(rows, model, out, time.monotonic() - started)
    return 0


def _rows(source: BinaryIO, size: int | None, model: str) -> Iterator[tuple[str, str, Count]]:
    """(what, its model, its count) of each request, or of the whole text."""
    head = source.readline(_BLOCK)
    first = _parsed(head)
    if isinstance(first, (dict, list)) and head.endswith(b"\n"):
        more = source.readline(_BLOCK)
        if not more.strip() or _parsed(more) is not None:
            yield from _lines(source, [head, more], size, model)
            return
        head += more
    if head.lstrip()[:1] in (b"{", b"["):
        head += source.read()
        whole = _parsed(head)
        if isinstance(whole, (dict, list)):
            yield _request("request", whole, model)
            return
    yield "text", model, _text(source, head, size, model)


def _lines(source: BinaryIO, begun: list[bytes], size: int | None, model: str) -> Iterator[tuple[str, str, Count]]:
    done = 0
    number = 0
    for lines in (begun, source):
        for line in lines:
            number += 1
            done += len(line)
            _progress(done, size)
            found = _parsed(line)
            if isinstance(found, (dict, list)):
                yield _request(f"line {number}", found, model)
            elif line.strip():
                yield f"line {number}", model, _count_text(line.decode("utf-8", "replace"), model)


def _request(what: str, found: Any, model: str) -> tuple[str, str, Count]:
    """A chat or Responses request, a line of a batch file with one as its `body`, or a bare list of messages."""
    if isinstance(found, list):
        found = {"messages": found}
    if isinstance(found.get("body"), dict):
        found = found["body"]
    request = {"model": model, **found}
    protocol = "chat" if "messages" in request else "responses" if "instructions" in request else "other"
    if protocol == "other" and isinstance(request.get("input"), list):
        protocol = "responses"
    if not {"messages", "input", "prompt", "instructions"} & set(request):  # some other JSON: the text that it is
        return what, model, _count_text(json.dumps(found, ensure_ascii=False), model)
    chat, budget = registry.get(protocol).as_chat(request), _budget()
    counted = tokens.count_texts(request, budget) if chat is None else tokens.count_prompt(*chat, budget)
    return what, str(request["model"]), counted


def _text(source: BinaryIO, head: bytes, size: int | None, model: str) -> Count:
    """A text of any size, block by block, each cut where that changes no token."""
    counter = Counter(model_of(model), _budget())
    decoder = getincrementaldecoder("utf-8")("replace")
    total, done, rest = 0, len(head), decoder.decode(head)
    while block := source.read(_BLOCK):
        rest += decoder.decode(block)
        done += len(block)
        cut = vocabulary.seam(rest, 0, len(rest)) or len(rest)
        total += counter.text(rest[:cut])
        rest = rest[cut:]
        _progress(done, size)
    return counter.total(total + counter.text(rest + decoder.decode(b"", final=True)))


def _count_text(text: str, model: str) -> Count:
    counter = Counter(model_of(model), _budget())
    return counter.total(counter.text(text))


def _budget() -> Budget:
    """On one's own machine and with one's own file there is no hurry."""
    return Budget(10**15, math.inf, time.monotonic)


def _print(rows: list[tuple[str, str, Count]], model: str, out: TextIO, seconds: float) -> None:
    width = max([len(name) for _, name, _ in rows] + [5])
    print(f"{'':<12} {'model':<{width}} {'tokens':>12}  {'certainty':<9} {'US dollars':>12}", file=out)
    sums, cost, unknown = 0, Decimal(0), False
    for position, (what, name, counted) in enumerate(rows):
        price = prices.find(name, None)
        told = price.cost(Tokens(counted.tokens, 0), time.time()) if price else None
        sums += counted.tokens
        unknown = unknown or told is None
        cost += told or 0
        if position < _SHOWN_LINES:
            shown = "-" if told is None else f"{told:.6f}"
            print(f"{what:<12} {name:<{width}} {counted.tokens:>12,}  {counted.certainty:<9} {shown:>12}", file=out)
    if len(rows) > _SHOWN_LINES:
        print(f"… and {len(rows) - _SHOWN_LINES} more", file=out)
    about = "at least " if unknown and cost else ""
    shown = "-" if unknown and not cost else f"{about}{cost:.6f}"
    print(f"{'total':<12} {'':<{width}} {sums:>12,}  {'':<9} {shown:>12}", file=out)
    for note in dict.fromkeys(note for _, _, counted in rows for note in counted.notes):
        print(f"note: {note}", file=out)
    print(f"prices of {prices.table_date()}, for the prompt alone; counted in {seconds:.1f} s", file=out)


def _progress(done: int, size: int | None) -> None:
    if size is not None and size >= _LARGE and sys.stderr.isatty():
        end = "\n" if done >= size else ""
        print(f"\r{done / 1e6:.0f} of {size / 1e6:.0f} MB", end=end, file=sys.stderr, flush=True)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
