"""Generates docs/clients.md from the console's table of clients: `python -m tools.clients`."""

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
    "full": "the full URL of the call",
}
_HEAD = """# Apps and SDKs

Where to enter the address in each app, and whether with `/v1`. Sluice accepts every form (with `/v1`, without it, with
it twice, or the full URL of a call), so a wrong guess does no harm. The page at `/` shows the same settings with your
own address, ready to copy. Both are generated from `proxy/endpoints/console/clients.json`.

| app | address | where it goes | field (English · Chinese) |
|---|---|---|---|
"""
_SOURCES = """
## Notes and sources

*Confirmed* means that the app's own documentation or source code says so; otherwise the source is a third-party guide.
The settings were not tried in the apps. Versions differ, so look for the field's name in yours.

| app | note | source, date read | confirmed |
|---|---|---|---|
"""
_PINGS = """
## Keep-alive comments

While a model thinks, Sluice sends comments that clients must ignore: `: ping` followed by an empty line, or without one
in a stream that carries `id:` lines. "Tested" refers to this project's tests, which run on every change.

| client | `: ping` |
|---|---|
"""
_MORE = """
On Node, the `chatgpt` package and the AI SDK (`ai` with `@ai-sdk/openai` and `@ai-sdk/openai-compatible`) were also
tested with both forms, in their versions of November 2026: [tests/clients](../tests/clients/README.md). `chatgpt` waits
forever if a stream ends with an error, unless its `timeoutMs` is set.
"""


def table() -> list[dict[str, Any]]:
    """The clients, in the order of the page."""
    clients: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))["clients"]
    return clients


def document() -> str:
    """docs/clients.md"""
    clients = table()
    settings = [
        (client["name"], _SPELLINGS[client["v1"]], _both(client["where"]), _fields(client)) for client in clients
    ]
    notes = [
        (
            client["name"],
            _both(client["note"]),
            f"{_cited(client['source'])}, {client['read']}",
            "yes" if client["confirmed"] else "no",
        )
        for client in clients
    ]
    pings = [(client["name"], client["pings"]) for client in clients]
    return _HEAD + _rows(settings) + _SOURCES + _rows(notes) + _PINGS + _rows(pings) + _MORE


def main() -> int:
    """Write the document. Returns the exit code."""
    DOCUMENT.write_text(document(), encoding="utf-8", newline="\n")
    print("docs/clients.md")
    return 0


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _both(texts: dict[str, str]) -> str:
    return f"{texts['en']} · {texts['zh']}"


def _fields(client: dict[str, Any]) -> str:
    if not client["fields"]:
        return "in code"
    return "; ".join(
        f"{field['en']}{'' if field['en'] == field['zh'] else ' · ' + field['zh']} = `{field['value']}`"
        for field in client["fields"]
    ).translate(str.maketrans("{}", "<>"))


def _cited(source: str) -> str:
    # Sources are set as code, so that Markdown does not interpret their underscores.
    return "; ".join(part if part.startswith("run in ") else f"`{part}`" for part in source.split("; "))


if __name__ == "__main__":
    sys.exit(main())
