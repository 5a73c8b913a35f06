"""Writes docs/clients.md from the table that the console shows: `python -m tools.clients`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "proxy" / "endpoints" / "console" / "clients.json"
DOCUMENT = ROOT / "docs" / "clients.md"
_SPELLINGS = {
    "with": "with `/v1`",
    "without": "without `/v1`; the app adds it",
    "either": "with or without `/v1`",
    "full": "the whole address of the call",
}
_HEAD = """# Apps and SDKs

Where the address goes in each app, and whether it takes `/v1`. Every spelling works with Sluice (with `/v1`, without,
twice, or one call's whole address), so a wrong guess is no harm here. The page at `/` has the same settings with your
own address in them, to copy. Both are made of `proxy/endpoints/console/clients.json`.

| app | address | where it goes | field (English · Chinese) |
|---|---|---|---|
"""
_SOURCES = """
## Notes and sources

*Confirmed*: the app's own documentation or source code says so. Otherwise others' guides do. No app was installed for
this; versions differ, so look for the field's name in yours.

| app | note | source, date read | confirmed |
|---|---|---|---|
"""
_PINGS = """
## Keep-alive comments

While a model thinks, Sluice sends comments that clients must pass over: `: ping` with an empty line behind it, or
without one in a stream that carries `id:` lines. Tested means: by this project's tests, which run on every change.

| client | `: ping` |
|---|---|
"""
_MORE = """
Under Node the `chatgpt` package and the AI SDK (`ai` with `@ai-sdk/openai` and `@ai-sdk/openai-compatible`) were tested
with both forms too, in their versions of November 2026: [tests/clients](../tests/clients/README.md). `chatgpt` waits
for ever when a stream ends in an error, unless its `timeoutMs` is set.
"""


def table() -> list[dict[str, Any]]:
    """The clients, in the order of the page."""
    found: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))["clients"]
    return found


def document() -> str:
    """docs/clients.md"""
    clients = table()
    settings = [(one["name"], _SPELLINGS[one["v1"]], _both(one["where"]), _fields(one)) for one in clients]
    notes = [
        (
            one["name"],
            _both(one["note"]),
            f"{_cited(one['source'])}, {one['read']}",
            "yes" if one["confirmed"] else "no",
        )
        for one in clients
    ]
    pings = [(one["name"], one["pings"]) for one in clients]
    return _HEAD + _rows(settings) + _SOURCES + _rows(notes) + _PINGS + _rows(pings) + _MORE


def main() -> int:
    """Write the document anew. Returns the exit code."""
    DOCUMENT.write_text(document(), encoding="utf-8", newline="\n")
    print("docs/clients.md")
    return 0


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _both(texts: dict[str, str]) -> str:
    return f"{texts['en']} · {texts['zh']}"


def _fields(one: dict[str, Any]) -> str:
    if not one["fields"]:
        return "in code"
    return "; ".join(
        f"{field['en']}{'' if field['en'] == field['zh'] else ' · ' + field['zh']} = `{field['value']}`"
        for field in one["fields"]
    ).translate(str.maketrans("{}", "<>"))


def _cited(source: str) -> str:
    # Pages stand as code, so that no renderer takes an underscore or a dot of one for more than it is.
    return "; ".join(part if part.startswith("run in ") else f"`{part}`" for part in source.split("; "))


if __name__ == "__main__":
    sys.exit(main())
