"""Keys as people paste them: with something around them, or copied from a document where anyone can read them."""

from __future__ import annotations

import re

_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"
# Keys that the project's documents have shown, and the passwords that attackers try first.
_PUBLISHED = frozenset(
    ("f0b1c9d27a4e4f6f8f1f", "5f1c0d8be0c94c51b64e0d2f7a9e3c11", "password", "qwerty", "letmein", "admin")
)
# A sample contains at least one word of the first list and consists of both lists only: "put-your-key-here".
_PLACEHOLDER_WORDS = (
    "random|your|change|replace|insert|enter|put|here|example|sample|dummy|placeholder|todo|text|string|value|"
    "characters|xxx|youmade|iset"
)
_SAMPLE = re.compile(
    f"(?=.*(?:{_PLACEHOLDER_WORDS}))(?:{_PLACEHOLDER_WORDS}|a|an|another|my|the|some|one|this|is|long|short|key|keys|proxy|api|secret|secrets|"
    "signing|pass|word|phrase|token|me|it|please|test|testing|demo|sk|pk|with|foo|bar|private|very|super|strong|new|old|"
    "sluice|relay|openai|caller|callers|for|to|of|and|must|make|made|up|only|you|that|i|set)+[0-9]{0,8}"
)
_MAX_SAMPLE = 60


def is_quoted(value: str) -> bool:
    """Whether a text begins and ends with quotation marks, as `docker --env-file` leaves them around a value."""
    return len(value) > 1 and value[0] in _QUOTES and value[-1] in _QUOTES


def check_bare(key: str) -> None:
    """Raise ValueError for a key with something around it, which callers or upstreams would not accept."""
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        raise ValueError("must not have quotation marks around a key; docker --env-file keeps them")
    if re.match(r"(authorization|bearer)(\s|:|\Z)", key, re.IGNORECASE):
        raise ValueError("must not have Bearer before a key")
    if "$(" in key:
        raise ValueError("must not contain a command: run what is between $( and ) in a shell and paste its output")


def check_not_sample(key: str) -> None:
    """Raise ValueError for a key that was copied from a document: anyone can guess those."""
    if key.lower() in _PUBLISHED or is_sample(key):
        raise ValueError(
            "is a sample key from a document, which anyone can guess. Create one with: openssl rand -hex 16"
        )


def is_sample(key: str) -> bool:
    """Whether a text is a placeholder for a key."""
    plain = re.sub("x{3,}", "xxx", re.sub(r"[^a-z0-9]", "", key.lower()))
    if plain.isdigit():
        return plain in "01234567890123456789" or len(set(plain)) == 1
    return 2 < len(plain) <= _MAX_SAMPLE and _SAMPLE.fullmatch(plain) is not None
