"""What the documents' commands give."""

from __future__ import annotations

import re
import secrets


def made(text: str) -> str:
    """`text` with a random key in place of each command that makes one."""
    return re.sub(r"\$\(openssl rand -hex (\d+)\)", lambda match: secrets.token_hex(int(match[1])), text)
