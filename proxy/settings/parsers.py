"""How the text of a setting is read: each reader gives the value, or raises ValueError with the rest of a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable

from proxy.wire.path_table import ENDPOINTS

SIGNED_KEY_PREFIX = "sk-sluice-"  # of keys that `keys mint` makes
# What can look at texts; each is a file of that name in moderation/checkers/.
MODERATORS = ("openai", "tencent", "words")
# Kinds of things in the owner's account that a request may refer to (access/account_references.py).
REFERENCES = (
    "assistants background caches containers conversations files mcp others prompts responses skills store "
    "vector_stores".split()
)
LEAST_SECRET = 24  # characters
ON = ("1", "true", "yes", "on")
OFF = ("0", "false", "no", "off")
SHORT_KEY = 16  # characters; a shorter one is warned about
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"
# Keys that the project's documents have shown, and passwords that everybody tries first.
_PRINTED = frozenset(
    ("f0b1c9d27a4e4f6f8f1f", "5f1c0d8be0c94c51b64e0d2f7a9e3c11", "password", "qwerty", "letmein", "admin")
)
# What samples are made of, and the words that make one of them a request to put a key there.
_ASKING = (
    "random|your|change|replace|insert|enter|put|here|example|sample|dummy|placeholder|todo|text|string|value|"
    "characters|xxx|youmade|iset"
)
_SAMPLE = re.compile(
    f"(?=.*(?:{_ASKING}))(?:{_ASKING}|a|an|another|my|the|some|one|this|is|long|short|key|keys|proxy|api|secret|secrets|"
    "signing|pass|word|phrase|token|me|it|please|test|testing|demo|sk|pk|with|foo|bar|private|very|super|strong|new|old|"
    "sluice|relay|openai|caller|callers|for|to|of|and|must|make|made|up|only|you|that|i|set)+[0-9]{0,8}"
)
_SAMPLE_LENGTH = 60
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # an HTTP token, RFC 9110 section 5.6.2, lower case
# What the relay sets or drops itself; forwarding one of these would leak a key or break the message's framing.
_NEVER_FORWARDED = frozenset(
    "authorization api-key x-api-key cookie host content-length transfer-encoding connection keep-alive te trailer "
    "upgrade proxy-authorization proxy-connection accept-encoding expect".split()
)

# What platforms add to a request: callers' addresses, and on Tencent temporary secrets of the function's role.
_PLATFORMS = ("x-scf-", "x-amz", "cf-", "x-forwarded-")


def text(value: str) -> str:
    return value


def switch(value: str) -> bool:
    lowered = value.lower()
    if lowered in ON:
        return True
    if lowered in OFF:
        return False
    raise ValueError("takes 1 or 0")


def number(least: float, most: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        try:
            found = float(value)
        except ValueError:
            found = float("nan")
        if not least <= found <= most:
            raise ValueError(f"takes a number from {least:g} to {most:g}")
        return found

    return read


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) < 16 and least <= int(value) <= most):
            raise ValueError(f"takes a whole number from {least} to {most}")
        return int(value)

    return read


def metering(value: str) -> tuple[str, ...]:
    """Off is nothing at all; header and comment say where the figures are told besides the log."""
    words = tuple(word.lower() for word in commas(value))
    if words and all(word in OFF for word in words):
        return ()
    if not words or any(word not in (*ON, "header", "comment") for word in words):
        raise ValueError("takes off, on, or a list of: header, comment")
    return ("log", *(word for word in ("header", "comment") if word in words))


def moderation(value: str) -> tuple[str, ...]:
    """The content filters, in the order to ask them; off is none."""
    words = tuple(dict.fromkeys(word.lower() for word in commas(value)))
    if words and all(word in OFF for word in words):
        return ()
    if not words or any(word not in MODERATORS for word in words):
        raise ValueError(f"takes off, or a list of: {', '.join(MODERATORS)}")
    return words


def guard(value: str) -> str:
    return "off" if value.lower() in OFF else choice("off", "reject", "truncate")(value)


def choice(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"takes one of: {', '.join(words)}")
        return value.lower()

    return read


def commas(value: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)


def keys(value: str) -> tuple[str, ...]:
    """Keys as they are pasted, without what came along with them."""
    found = commas(value)
    for key in found:
        _alone(key)
    if any(not key.isascii() or not key.isprintable() or " " in key for key in found):
        raise ValueError("takes keys of printable ASCII characters without spaces, separated by commas")
    return found


def _alone(key: str) -> None:
    """Raise ValueError for a key with something around it: callers would be locked out, or upstreams refuse it."""
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        raise ValueError("takes keys without quotation marks around them, which docker --env-file keeps")
    if re.match(r"(authorization|bearer)(\s|:|\Z)", key, re.IGNORECASE):
        raise ValueError("takes the key alone, without Bearer in front of it")
    if "$(" in key:
        raise ValueError("takes the key itself: run the command between $( and ) in a shell and paste what it prints")


def _made_up(key: str) -> None:
    """Raise ValueError for a key out of a document: everybody knows those."""
    if key.lower() in _PRINTED or is_sample(key):
        raise ValueError(
            "is a sample out of a document, which anybody can guess; make a key with: openssl rand -hex 16"
        )


def is_sample(key: str) -> bool:
    """Whether a text says no more than that a key belongs there."""
    plain = re.sub("x{3,}", "xxx", re.sub(r"[^a-z0-9]", "", key.lower()))
    if plain.isdigit():
        return plain in "01234567890123456789" or len(set(plain)) == 1
    return 2 < len(plain) <= _SAMPLE_LENGTH and _SAMPLE.fullmatch(plain) is not None


def secret(value: str) -> str:
    """One key."""
    found = keys(value)
    if len(found) != 1:
        raise ValueError("takes one key")
    return found[0]


def region(value: str) -> str:
    """A cloud's name of a region."""
    if not re.fullmatch(r"[a-z0-9-]{1,40}", value):
        raise ValueError("takes a region such as ap-guangzhou")
    return value


def tencent_host(value: str) -> str:
    """One of Tencent Cloud's hosts for text moderation; accounts of its international site have another."""
    if not re.fullmatch(r"tms\.([a-z0-9-]{1,40}\.)*tencentcloudapi\.com", value):
        raise ValueError("takes tms.tencentcloudapi.com or a host such as tms.intl.tencentcloudapi.com")
    return value


def proxy_keys(value: str) -> tuple[str, ...]:
    found = keys(value)
    if any(":" in key for key in found):
        raise ValueError("takes keys without a colon: the last colon separates a caller's own key from it")
    if any(key.startswith(SIGNED_KEY_PREFIX) for key in found):
        raise ValueError("takes keys that do not begin with sk-sluice-, as minted ones do")
    for key in found:
        _made_up(key)
    return found


def secrets(value: str) -> tuple[str, ...]:
    """Secrets that sign: a short one could be found by trying, with nothing but a key that it has signed."""
    found = commas(value)
    for one in found:
        _alone(one)
    if not found or any(len(secret) < LEAST_SECRET for secret in found):
        raise ValueError(f"takes random texts of {LEAST_SECRET} characters or more, separated by commas")
    for one in found:
        _made_up(one)
    return found


def paths(value: str) -> tuple[str, ...]:
    return tuple(path.strip("/").removeprefix("v1/") for path in commas(value))


def references(value: str) -> tuple[str, ...]:
    found = tuple(kind.lower() for kind in commas(value))
    if any(kind not in REFERENCES and kind != "*" for kind in found):
        raise ValueError(f"must list kinds of references: {', '.join(REFERENCES)}")
    return found


def origins(value: str) -> tuple[str, ...]:
    found = commas(value)
    for origin in found:
        if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
            raise ValueError("takes * or origins such as https://chat.example.com, without a path")
    return found


def header_names(value: str) -> tuple[str, ...]:
    names = tuple(name.lower() for name in commas(value))
    for name in names:
        if not _NAME.fullmatch(name) or name in _NEVER_FORWARDED or name.startswith(_PLATFORMS):
            raise ValueError(f"cannot forward {name!r}")
    return names


def base_url(value: str) -> str:
    url = value.rstrip("/")
    match = re.fullmatch(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(/[^?#\s]*)?", url)
    if not match or not url.isascii() or not 0 < int((match[3] or ":443")[1:]) < 65_536:
        raise ValueError("takes an address such as https://api.openai.com/v1, without user, query or spaces")
    if url.endswith(("/models", *(f"/{one.path}" for one in ENDPOINTS))):
        raise ValueError("takes the base address only, usually up to /v1, not one call's whole address")
    # OpenAI's own host answers 404 without /v1; other hosts differ (api.perplexity.ai has none), so theirs stay.
    return url + "/v1" if match[2].lower() == "api.openai.com" and not match[4] else url
