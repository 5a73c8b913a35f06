"""The documents' blocks of code, and what their commands give."""

from __future__ import annotations

import re
import secrets

from tests.support.paths import ROOT


def made(text: str) -> str:
    """`text` with a random key in place of each command that makes one."""
    return re.sub(r"\$\(openssl rand -hex (\d+)\)", lambda match: secrets.token_hex(int(match[1])), text)


def blocks(document: str, language: str) -> list[str]:
    """What stands in a document's fences of one language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
