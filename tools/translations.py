"""Writes what becomes of each member in translation into docs/protocols.md and its Chinese page.

`python -m tools.translations` writes both. Each table stands between `<!-- its direction -->` and `<!-- end -->`. The
rest of the documents is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from proxy.protocols.translate.chat_to_responses import options as chat_to_responses
from proxy.protocols.translate.dropped import MAPPED, NAMED, REFUSED, SILENT
from proxy.protocols.translate.messages_to_chat import options as messages_to_chat
from proxy.protocols.translate.responses_to_chat import options as responses_to_chat
from tools import marked

_DOCS = Path(__file__).resolve().parent.parent / "docs"
TABLES: dict[str, Mapping[str, str]] = {
    "messages-to-chat": messages_to_chat.MEMBERS,
    "responses-to-chat": responses_to_chat.MEMBERS,
    "chat-to-responses": chat_to_responses.MEMBERS,
}


class Words(NamedTuple):
    """The words of the tables in one language."""

    document: Path
    head: tuple[str, str]
    verdicts: Mapping[str, str]
    other: str  # members that no table lists
    comma: str


LANGUAGES = {
    "en": Words(
        _DOCS / "protocols.md",
        ("member", "what becomes of it"),
        {
            MAPPED: "has an equal",
            SILENT: "left out: nothing is lost",
            NAMED: "left out, and named in `x-sluice-dropped`",
            REFUSED: "refused with 400",
        },
        "any other",
        ", ",
    ),
    "zh": Words(
        _DOCS / "protocols.zh-CN.md",
        ("字段", "如何处理"),
        {
            MAPPED: "有对应的字段",
            SILENT: "略去，没有损失",
            NAMED: "略去，并写在 `x-sluice-dropped` 里",
            REFUSED: "拒绝，返回 400",
        },
        "其他任何字段",
        "、",
    ),
}


def table(members: Mapping[str, str], words: Words) -> str:
    """The table of one direction."""
    rows = []
    for verdict, meaning in words.verdicts.items():
        names = [f"`{name}`" for name, found in members.items() if found == verdict]
        if verdict == NAMED:
            names.append(words.other)
        if names:
            rows.append((words.comma.join(names), meaning))
    return marked.table(words.head, rows)


def rendered(document: str, words: Words) -> str:
    """The document with its tables as they are now."""
    return marked.fill(document, lambda name: f"\n{table(TABLES[name], words)}\n")


def main() -> int:
    """Write the documents."""
    for words in LANGUAGES.values():
        words.document.write_text(rendered(words.document.read_text(encoding="utf-8"), words), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
