"""Finding and redacting secrets in log lines, errors and replies.

It finds a configured secret whole, in part, masked as providers quote keys (`sk-…9f2c`), in base64 and percent-encoded.
The work is linear in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from proxy.wire import bounded_json

PLACEHOLDER = "[redacted]"
# A shorter secret may occur in any text by chance.
MIN_LENGTH = 6
# A part of a secret of at least 8 characters is redacted unless it is a plain word, one of at least 12 always.
_PART_LENGTH, _LONG_PART_LENGTH = 8, 12
_LOOKS_LIKE_KEY = re.compile(r"(?<![a-z0-9])sk-", re.IGNORECASE)
# Keys of most providers, whole or masked.
_KEY = re.compile(r"(?<![A-Za-z0-9])sk-[\w*•…./+=-]{2,}")
# How providers mask the middle of a key, and what may precede and follow the mask.
_MASK = re.compile(r"[*•]{2,}|\.{3,}|…+|[xX]{4,}")
_BEFORE, _AFTER = re.compile(r"[\w+/=-]*\Z"), re.compile(r"[\w+/=-]{0,40}")
# The length in characters of an unmasked end: at least, at most.
_MIN_END_LENGTH, _MAX_END_LENGTH = 3, 40
_DATA_LINE = re.compile(rb"(data: ?)([^\r\n]*)(\r?\n?)")
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/]))')


def is_secret(text: str, secrets: Collection[str]) -> bool:
    """Whether a name or an id equals or contains a secret, or looks like a key."""
    # A case-insensitive search takes ten times as long as looking for its letters first.
    if text in secrets or ("sk-" in text.casefold() and _LOOKS_LIKE_KEY.search(text)):
        return True
    for secret in secrets:  # noqa: SIM110 — any() takes twice as long, and each log line asks many times
        if len(secret) >= MIN_LENGTH and secret in text:
            return True
    return False


def redact_whole(text: str, secrets: Iterable[str]) -> str:
    """Redact whole secrets in `text`, and nothing else."""
    for secret in secrets:
        if len(secret) >= MIN_LENGTH and secret in text:
            text = text.replace(secret, PLACEHOLDER)
    return text


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """Redact everything in `text` that reveals these secrets, and everything that looks like a key."""
    text = redact_whole(text, secrets)
    text = _KEY.sub(PLACEHOLDER, text)
    return _redact_parts(_redact_masked(text, secrets), _parts(secrets))


def redact_json(value: Any, secrets: tuple[str, ...]) -> Any:
    """Redact the texts of a parsed JSON value, including the names of members."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, list):
        return [redact_json(item, secrets) for item in value]
    if isinstance(value, dict):
        return {redact(name, secrets): redact_json(item, secrets) for name, item in value.items()}
    return value


def redact_body(body: bytes, value: Any, secrets: tuple[str, ...]) -> bytes | None:
    """Redact a JSON body whose parsed form is `value`. None if nothing needs redacting.

    It searches the unescaped text, because `value` keeps only one of several members with the same name.
    """
    text = _ESCAPE.sub(_unescape, body.decode(json.detect_encoding(body), "replace"))
    return None if redact(text, secrets) == text else json.dumps(redact_json(value, secrets)).encode()


def redact_data_line(line: bytes, secrets: tuple[str, ...]) -> bytes:
    """Redact a line of an event if it is a data line."""
    match = _DATA_LINE.match(line)
    if match is None:
        return line
    data = match[2]
    if (value := parse_json(data)) is not None:
        clean = redact_body(data, value, secrets)
    else:
        clean = redact(data.decode("utf-8", "replace"), secrets).encode()
    return line if clean is None else match[1] + clean + match[3]


def parse_json(data: bytes) -> Any:
    """Parse JSON to be searched for secrets. None if it is invalid or nested too deeply."""
    return bounded_json.parse(data, everywhere=True)


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[2]


def _redact_masked(text: str, secrets: tuple[str, ...]) -> str:
    kept: list[str] = []
    done = 0
    for mask in _MASK.finditer(text):
        start = max(done, mask.start() - _MAX_END_LENGTH)
        before = _BEFORE.search(text, start, mask.start())
        after = _AFTER.match(text, mask.end())
        left, right = before[0] if before else "", after[0] if after else ""
        if any(_has_ends(left, right, secret) for secret in secrets if len(secret) >= MIN_LENGTH):
            kept += (text[done : mask.start() - len(left)], PLACEHOLDER)
            done = mask.end() + len(right)
    return "".join([*kept, text[done:]])


def _has_ends(left: str, right: str, secret: str) -> bool:
    """Whether the text beside a mask is the beginning or the end of this secret."""
    has_start = len(left) >= _MIN_END_LENGTH and secret.startswith(left)
    return has_start or (len(right) >= _MIN_END_LENGTH and secret.endswith(right))


def _redact_parts(text: str, parts: frozenset[str]) -> str:
    if not parts:
        return text
    kept: list[str] = []
    done = at = 0
    while at + _PART_LENGTH <= len(text):
        if text[at : at + _PART_LENGTH] not in parts:
            at += 1
            continue
        end = at + _PART_LENGTH
        while text[end - _PART_LENGTH + 1 : end + 1] in parts and end < len(text):
            end += 1
        if end - at >= _LONG_PART_LENGTH or not _is_word(text[at:end]):
            kept += (text[done:at], PLACEHOLDER)
            done = end
        at = end
    return "".join([*kept, text[done:]])


def _is_word(part: str) -> bool:
    """Whether this may be an ordinary word: letters of one case, and signs that join words."""
    letters = re.sub(r"[-_ ./:]", "", part)
    return letters.isalpha() and (letters[1:].islower() or letters.isupper())


@lru_cache(maxsize=4)
def _parts(secrets: tuple[str, ...]) -> frozenset[str]:
    """Return every run of _PART_LENGTH characters of the secrets, in each encoding."""
    from base64 import b64encode
    from urllib.parse import quote

    parts: set[str] = set()
    for secret in secrets:
        if len(secret) < _PART_LENGTH:
            continue
        raw = secret.encode()
        forms = [secret, quote(secret, safe="")]
        for shift in range(3):  # within a longer text the secret may start at any of three offsets
            text = b64encode(b"\0" * shift + raw).decode().rstrip("=")
            text = text[4 if shift else 0 : -4]  # the outer characters depend on the neighbouring bytes
            forms += [text, text.replace("+", "-").replace("/", "_")]
        parts.update(form[at : at + _PART_LENGTH] for form in forms for at in range(len(form) - _PART_LENGTH + 1))
    return frozenset(parts)
