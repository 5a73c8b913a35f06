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


def anchors(text: str) -> list[str]:
    """The anchors that GitHub gives a document's headings, and those that it sets itself."""
    text = re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for title in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        again = sum(1 for one in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", one))
        found.append(f"{slug}-{again}" if again else slug)
    return found + re.findall(r'<a id="([^"]+)">', text)
