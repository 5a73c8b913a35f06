"""The one rule of what is a secret in a text, and of how it is blackened: in log lines, in errors, in replies.

A configured secret is found whole, in part, masked as providers quote keys (`sk-…9f2c`), in base64 and percent-encoded.
Work is linear in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from proxy.wire import bounded_json

BLACK = "[redacted]"
# A shorter one may be a part of any text.
SHORTEST = 6
# A part of a secret counts from this many characters on, if it is no plain word; from the second number on in any case.
_PART, _LONG_PART = 8, 12
_LOOKS_LIKE_KEY = re.compile(r"(?<![a-z0-9])sk-", re.IGNORECASE)
# The key of most providers, whole or masked.
_KEY = re.compile(r"(?<![A-Za-z0-9])sk-[\w*•…./+=-]{2,}")
# What providers put in the place of most of a key, and what may stand on both sides of it.
_MASK = re.compile(r"[*•]{2,}|\.{3,}|…+|[xX]{4,}")
_BEFORE, _AFTER = re.compile(r"[\w+/=-]*\Z"), re.compile(r"[\w+/=-]{0,40}")
_MASKED_PART, _MASKED_MOST = 3, 40
_DATA = re.compile(rb"(data: ?)([^\r\n]*)(\r?\n?)")
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/]))')


def is_secret(text: str, secrets: Collection[str]) -> bool:
    """Whether a name or an id is one of these, holds one, or looks like a key."""
    if text in secrets or _LOOKS_LIKE_KEY.search(text):
        return True
    return any(key in text for key in secrets if len(key) >= SHORTEST)


def whole(text: str, secrets: Iterable[str]) -> str:
    """`text` with each of these that stands in it blackened, and nothing else."""
    for secret in secrets:
        if len(secret) >= SHORTEST and secret in text:
            text = text.replace(secret, BLACK)
    return text


def blacken(text: str, secrets: tuple[str, ...]) -> str:
    """`text` with all that comes from these secrets blackened."""
    text = whole(text, secrets)
    text = _KEY.sub(BLACK, text)
    return _without_parts(_without_masked(text, secrets), _parts(secrets))


def blacken_json(value: Any, secrets: tuple[str, ...]) -> Any:
    """A parsed JSON value with its texts blackened, names of members included."""
    if isinstance(value, str):
        return blacken(value, secrets)
    if isinstance(value, list):
        return [blacken_json(one, secrets) for one in value]
    if isinstance(value, dict):
        return {blacken(name, secrets): blacken_json(one, secrets) for name, one in value.items()}
    return value


def blacken_body(body: bytes, value: Any, secrets: tuple[str, ...]) -> bytes | None:
    """A JSON body, which is `value` when parsed, blackened; None where nothing has to be.

    The text itself is looked through, without its escapes: of a member that is there twice `value` holds one alone.
    """
    text = _ESCAPE.sub(_unescaped, body.decode(json.detect_encoding(body), "replace"))
    return None if blacken(text, secrets) == text else json.dumps(blacken_json(value, secrets)).encode()


def blacken_data(line: bytes, secrets: tuple[str, ...]) -> bytes:
    """A line of an event, blackened where it is data."""
    found = _DATA.match(line)
    if found is None:
        return line
    data = found[2]
    if (value := parsed(data)) is not None:
        clean = blacken_body(data, value, secrets)
    else:
        clean = blacken(data.decode("utf-8", "replace"), secrets).encode()
    return line if clean is None else found[1] + clean + found[3]


def parsed(data: bytes) -> Any:
    """The JSON value, None where there is none that can be looked through."""
    try:
        return bounded_json.loads(data, everywhere=True)
    except (ValueError, RecursionError):
        return None


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2]


def _without_masked(text: str, secrets: tuple[str, ...]) -> str:
    kept: list[str] = []
    done = 0
    for mask in _MASK.finditer(text):
        start = max(done, mask.start() - _MASKED_MOST)
        before = _BEFORE.search(text, start, mask.start())
        after = _AFTER.match(text, mask.end())
        left, right = before[0] if before else "", after[0] if after else ""
        if any(_shows(left, right, secret) for secret in secrets if len(secret) >= SHORTEST):
            kept += (text[done : mask.start() - len(left)], BLACK)
            done = mask.end() + len(right)
    return "".join([*kept, text[done:]])


def _shows(left: str, right: str, secret: str) -> bool:
    """Whether what stands beside a mask are the ends of this secret."""
    begins = len(left) >= _MASKED_PART and secret.startswith(left)
    return begins or (len(right) >= _MASKED_PART and secret.endswith(right))


def _without_parts(text: str, parts: frozenset[str]) -> str:
    if not parts:
        return text
    kept: list[str] = []
    done = at = 0
    while at + _PART <= len(text):
        if text[at : at + _PART] not in parts:
            at += 1
            continue
        end = at + _PART
        while text[end - _PART + 1 : end + 1] in parts and end < len(text):
            end += 1
        if end - at >= _LONG_PART or not _is_word(text[at:end]):
            kept += (text[done:at], BLACK)
            done = end
        at = end
    return "".join([*kept, text[done:]])


def _is_word(part: str) -> bool:
    """Whether this may be a word of any text: letters of one case, and what joins words."""
    letters = re.sub(r"[-_ ./:]", "", part)
    return letters.isalpha() and (letters[1:].islower() or letters.isupper())


@lru_cache(maxsize=4)
def _parts(secrets: tuple[str, ...]) -> frozenset[str]:
    """Every run of _PART characters of the secrets, as they are and as they may be encoded."""
    from base64 import b64encode
    from urllib.parse import quote

    found: set[str] = set()
    for secret in secrets:
        if len(secret) < _PART:
            continue
        raw = secret.encode()
        forms = [secret, quote(secret, safe="")]
        for shift in range(3):  # within a longer text its bytes may begin at any of three places
            text = b64encode(b"\0" * shift + raw).decode().rstrip("=")
            text = text[4 if shift else 0 : -4]  # whose characters depend on what stands beside it
            forms += [text, text.replace("+", "-").replace("/", "_")]
        found.update(form[at : at + _PART] for form in forms for at in range(len(form) - _PART + 1))
    return frozenset(found)
