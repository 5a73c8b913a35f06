"""Writes the tables and snippets of docs/clients*.md and docs/agents*.md: `python -m tools.clients`.

They come from the console's table of clients. In a document they stand between `<!-- settings -->`, `<!-- notes -->`,
`<!-- pings -->` or `<!-- id of a client -->` and `<!-- end -->`. The rest of it is written by hand.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools import marked

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "proxy" / "endpoints" / "console" / "clients.json"
APPS, AGENTS = "clients", "agents"
LANGUAGES = {"en": "", "zh": ".zh-CN"}
# What the documents show in the place of a reader's own values.
PLACEHOLDERS = {"base": "https://llm.example.com", "v1": "https://llm.example.com/v1", "key": "YOUR-KEY"}
_MODEL = "YOUR-MODEL"
# What a snippet is, by how it begins.
_KINDS = {"export ": "sh", "{": "json", "name: ": "yaml", "": "toml"}
_SPELLINGS = {
    "en": {
        "with": "with `/v1`",
        "without": "without `/v1`; the app adds it",
        "either": "with or without `/v1`",
        "full": "the full URL of the call",
    },
    "zh": {
        "with": "带 `/v1`",
        "without": "不带 `/v1`，应用会自动补上",
        "either": "带不带 `/v1` 都可以",
        "full": "完整的请求地址",
    },
}
_WORDS = {
    "en": {"in code": "in code", ", ": ", ", "; ": "; ", "yes": "yes", "no": "no", "run in ": "run in "},
    "zh": {"in code": "见代码", ", ": "，", "; ": "；", "yes": "是", "no": "否", "run in ": "实测："},
}
_HEADS: dict[str, dict[str, tuple[str, ...]]] = {
    "settings": {
        "en": ("app", "address", "where it goes", "field"),
        "zh": ("应用", "地址", "在哪里填", "填写项"),
    },
    "notes": {
        "en": ("app", "note", "source, date read", "confirmed"),
        "zh": ("应用", "说明", "出处，查阅日期", "已确认"),
    },
    "pings": {"en": ("client", "keep-alive"), "zh": ("客户端", "保活")},
}


def table() -> list[dict[str, Any]]:
    """The clients, in the order of the page."""
    clients: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))["clients"]
    return clients


def document(page: str, language: str) -> Path:
    """The file of APPS or AGENTS in one of LANGUAGES."""
    return ROOT / "docs" / f"{page}{LANGUAGES[language]}.md"


def filled(text: str, page: str, language: str) -> str:
    """A document with its tables and snippets as the clients are now. Raises KeyError for an unknown mark.

    The settings of coding agents are on the page AGENTS.
    """
    clients = {client["id"]: client for client in table()}
    shown = [client for client in table() if (client["group"] == "agents") == (page == AGENTS)]

    def block(name: str) -> str:
        if name not in _ROWS:
            return _snippets(clients[name], language)
        rows = [_ROWS[name](client, language) for client in (shown if name == "settings" else table())]
        return marked.table(_HEADS[name][language], rows)

    return marked.fill(text, block)


def main() -> int:
    """Write the documents. Returns the exit code."""
    for page, language in itertools.product((APPS, AGENTS), LANGUAGES):
        path = document(page, language)
        text = filled(path.read_text(encoding="utf-8"), page, language)
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path.relative_to(ROOT).as_posix())
    return 0


def code(text: str) -> str:
    """A client's code with the documents' placeholders."""
    for name, value in {**PLACEHOLDERS, "model": _MODEL}.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _snippets(client: dict[str, Any], language: str) -> str:
    text = _block(client["code"])
    if "more" in client:
        text += f"\n{client['more'][language]}\n\n{_block(client['more']['code'])}"
    return text


def _block(text: str) -> str:
    kind = next(kind for begin, kind in _KINDS.items() if text.startswith(begin))
    return f"```{kind}\n{code(text)}\n```\n"


def _settings(client: dict[str, Any], language: str) -> tuple[str, ...]:
    return (
        _name(client, language),
        _SPELLINGS[language][client["v1"]],
        client["where"][language],
        _fields(client, language),
    )


def _notes(client: dict[str, Any], language: str) -> tuple[str, ...]:
    words = _WORDS[language]
    # Sources are set as code, so that Markdown does not interpret their underscores.
    cited = [
        part.replace("run in ", words["run in "]) if part.startswith("run in ") else f"`{part}`"
        for part in client["source"].split("; ")
    ]
    source = words[", "].join([words["; "].join(cited), client["read"]])
    return _name(client, language), client["note"][language], source, words["yes" if client["confirmed"] else "no"]


def _pings(client: dict[str, Any], language: str) -> tuple[str, ...]:
    return _name(client, language), client["pings"][language]


_ROWS: dict[str, Callable[[dict[str, Any], str], tuple[str, ...]]] = {
    "settings": _settings,
    "notes": _notes,
    "pings": _pings,
}


def _name(client: dict[str, Any], language: str) -> str:
    """The name in one language: some have both, with a dot between them."""
    english, _, chinese = client["name"].partition(" · ")
    return str(chinese or english) if language == "zh" else str(english)


def _fields(client: dict[str, Any], language: str) -> str:
    words = _WORDS[language]
    if not client["fields"]:
        return words["in code"]
    values = (f"{field[language]} = `{field['value']}`" for field in client["fields"])
    return words["; "].join(values).translate(str.maketrans("{}", "<>"))


if __name__ == "__main__":
    sys.exit(main())
