"""Writes what becomes of each member in translation into docs/protocols.md: `python -m tools.translations`.

Each table stands between `<!-- its direction -->` and `<!-- end -->`. The rest of the document is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from proxy.protocols.translate.chat_to_responses import options as chat_to_responses
from proxy.protocols.translate.dropped import MAPPED, NAMED, REFUSED, SILENT
from proxy.protocols.translate.messages_to_chat import options as messages_to_chat
from proxy.protocols.translate.responses_to_chat import options as responses_to_chat

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "protocols.md"
TABLES: dict[str, Mapping[str, str]] = {
    "messages-to-chat": messages_to_chat.MEMBERS,
    "responses-to-chat": responses_to_chat.MEMBERS,
    "chat-to-responses": chat_to_responses.MEMBERS,
}
_MARKED = re.compile(r"(<!-- ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WORDS = {
    MAPPED: "has an equal",
    SILENT: "left out: nothing is lost",
    NAMED: "left out, and named in `x-sluice-dropped`",
    REFUSED: "refused with 400",
}


def table(members: Mapping[str, str]) -> str:
    """The table of one direction."""
    lines = ["| member | what becomes of it |", "|---|---|"]
    for verdict, words in _WORDS.items():
        names = [f"`{name}`" for name, found in members.items() if found == verdict]
        if verdict == NAMED:
            names.append("any other")
        if names:
            lines.append(f"| {', '.join(names)} | {words} |")
    return "\n".join(lines) + "\n"


def rendered(document: str) -> str:
    """The document with its tables as they are now."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{table(TABLES[found[2]])}\n{found[3]}", document)


def main() -> int:
    """Write the document."""
    DOCUMENT.write_text(rendered(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
