"""`python -m proxy tokens FILE|-`: counts the tokens of a text or a file of requests, and their price as a prompt."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TextIO

from proxy import tokens
from proxy.cli import token_files
from proxy.cli.token_files import REQUEST_MEMBERS, Source, Unreadable
from proxy.cost import prices
from proxy.cost.prices import Tokens
from proxy.errors import NotInstalled
from proxy.protocols import registry
from proxy.tokens import vocabulary
from proxy.tokens.counter import Count, Counter
from proxy.tokens.models import model_of
from proxy.tokens.vocabulary import Budget

# On a terminal, files from this size show their progress.
_PROGRESS_BYTES = 4_000_000
_SHOWN_ROWS = 50
_NOT_INSTALLED = (
    "Counting tokens needs the package tiktoken. Run `make setup` (or `python dev.py setup`) in the project's folder, "
    "then run this command again."
)


def run(file: str, model: str, out: TextIO | None = None) -> int:
    """Print a table and the total. Returns 1 with a message if the file is unreadable or tiktoken is missing."""
    out = out or sys.stdout
    started = time.monotonic()
    try:
        with token_files.opened(file, _progress) as source:
            rows = list(_rows(source, model))
    except Unreadable as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 1
    except NotInstalled:  # its own message is for deployed bundles, which do not have this command
        print(f"sluice: {_NOT_INSTALLED}", file=sys.stderr)
        return 1
    _print(rows, model, out, time.monotonic() - started)
    return 0


def _rows(source: Source, model: str) -> Iterator[tuple[str, str, Count]]:
    """(label, model, count) of each request, or of the whole text."""
    values = source.values()
    if values is None:
        yield "text", model, _text(source, model)
        return
    for label, value in values:
        yield _request(label, value, model)


def _request(label: str, value: Any, model: str) -> tuple[str, str, Count]:
    """Count a chat or Responses request, a batch line with one as its `body`, or a bare list of messages."""
    if isinstance(value, list):
        value = {"messages": value}
    if isinstance(value.get("body"), dict):
        value = value["body"]
    request = {"model": model, **value}
    protocol = "chat" if "messages" in request else "responses" if "instructions" in request else "other"
    if protocol == "other" and isinstance(request.get("input"), list):
        protocol = "responses"
    if not REQUEST_MEMBERS & request.keys():  # some other JSON: count it as text
        return label, model, _count_text(json.dumps(value, ensure_ascii=False), model)
    chat, budget = registry.get(protocol).as_chat(request), _budget()
    counted = tokens.count_texts(request, budget) if chat is None else tokens.count_prompt(*chat, budget, protocol)
    return label, str(request["model"]), counted


def _text(source: Source, model: str) -> Count:
    """Count a text of any size block by block. Blocks end where a cut changes no token."""
    counter = Counter(model_of(model), _budget())
    if source.note:
        counter.estimate.append(source.note)
    total, rest = 0, ""
    for block in source.blocks():
        rest += block
        cut = vocabulary.seam(rest, 0, len(rest)) or len(rest)
        total += counter.text(rest[:cut])
        rest = rest[cut:]
    return counter.total(total + counter.text(rest))


def _count_text(text: str, model: str) -> Count:
    counter = Counter(model_of(model), _budget())
    return counter.total(counter.text(text))


def _budget() -> Budget:
    """No limit: this runs on the user's own machine and file."""
    return Budget(10**15, math.inf, time.monotonic)


def _print(rows: list[tuple[str, str, Count]], model: str, out: TextIO, seconds: float) -> None:
    width = max([len(name) for _, name, _ in rows] + [5])
    print(f"{'':<12} {'model':<{width}} {'tokens':>12}  {'certainty':<9} {'US dollars':>12}", file=out)
    sums, cost, unknown = 0, Decimal(0), False
    for position, (label, name, counted) in enumerate(rows):
        price = prices.find(name, None)
        dollars = price.cost(Tokens(counted.tokens, 0), time.time()) if price else None
        sums += counted.tokens
        unknown = unknown or dollars is None
        cost += dollars or 0
        if position < _SHOWN_ROWS:
            shown = "-" if dollars is None else f"{dollars:.6f}"
            print(f"{label:<12} {name:<{width}} {counted.tokens:>12,}  {counted.certainty:<9} {shown:>12}", file=out)
    if len(rows) > _SHOWN_ROWS:
        print(f"… and {len(rows) - _SHOWN_ROWS} more", file=out)
    prefix = "at least " if unknown and cost else ""
    shown = "-" if unknown and not cost else f"{prefix}{cost:.6f}"
    print(f"{'total':<12} {'':<{width}} {sums:>12,}  {'':<9} {shown:>12}", file=out)
    for note in dict.fromkeys(note for _, _, counted in rows for note in counted.notes):
        print(f"note: {note}", file=out)
    print(f"prices as of {prices.table_date()}, for the prompt only; counted in {seconds:.1f} s", file=out)


def _progress(done: int, size: int | None) -> None:
    if size is not None and size >= _PROGRESS_BYTES and sys.stderr.isatty():
        end = "\n" if done >= size else ""
        print(f"\r{done / 1e6:.0f} of {size / 1e6:.0f} MB", end=end, file=sys.stderr, flush=True)
