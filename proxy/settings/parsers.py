"""Parsers for settings. Each returns the value or raises ValueError, whose text completes `<SETTING> …`."""

from __future__ import annotations

import re
from collections.abc import Callable

from proxy.platforms.clouds import CLOUDS
from proxy.settings.pasted_keys import check_bare, check_not_sample
from proxy.wire.path_table import ENDPOINTS

# The moderators. Each is a module of that name in moderation/checkers/.
MODERATORS = ("openai", "tencent", "words")
# What a request may refer to in the owner's account (access/account_references.py).
REFERENCES = (
    "assistants background caches containers conversations files mcp others prompts responses skills store "
    "vector_stores".split()
)
SIGNED_KEY_PREFIX = "sk-sluice-"  # of keys that `keys mint` makes
MIN_SECRET = 24  # characters
# The limits that a key may have, by the settings and by `keys mint`.
MIN_BUDGET_USD, MAX_BUDGET_USD = 0.000001, 1_000_000
MAX_RPM, MAX_TPM, MAX_PARALLEL = 1_000_000, 1_000_000_000, 1_000
PERIODS = ("day", "month", "total")
ON = ("1", "true", "yes", "on")
OFF = ("0", "false", "no", "off")
SHORT_KEY = 16  # characters; shorter keys cause a warning
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # an HTTP token, RFC 9110 section 5.6.2, lower case
# The relay sets or drops these itself. Forwarding one would leak a key or break the message's framing.
_NEVER_FORWARDED = frozenset(
    "authorization api-key x-api-key x-goog-api-key cookie host content-length transfer-encoding connection keep-alive "
    "te trailer upgrade proxy-authorization proxy-connection accept-encoding expect".split()
)

# Platforms add these: callers' addresses, and secrets or the identity of the function (Tencent, Aliyun, Vercel, Azure).
PLATFORM_PREFIXES = ("x-forwarded-", *(prefix for cloud in CLOUDS for prefix in cloud.header_prefixes))


def text(value: str) -> str:
    return value


def switch(value: str) -> bool:
    lowered = value.lower()
    if lowered in ON:
        return True
    if lowered in OFF:
        return False
    raise ValueError("must be 1 or 0")


def number(minimum: float, maximum: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        try:
            parsed = float(value)
        except ValueError:
            parsed = float("nan")
        if not minimum <= parsed <= maximum:
            raise ValueError(f"must be a number between {_plain(minimum)} and {_plain(maximum)}")
        return parsed

    return read


def _plain(value: float) -> str:
    """A number without an exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) < 16 and minimum <= int(value) <= maximum):
            raise ValueError(f"must be a whole number between {minimum} and {maximum}")
        return int(value)

    return read


def metering(value: str) -> tuple[str, ...]:
    """Where usage is reported: () if off, else the log and, if listed, a header and a comment in streams."""
    words = tuple(word.lower() for word in commas(value))
    if words and all(word in OFF for word in words):
        return ()
    if not words or any(word not in (*ON, "header", "comment") for word in words):
        raise ValueError("must be off, on, or a list of: header, comment")
    return ("log", *(word for word in ("header", "comment") if word in words))


def moderation(value: str) -> tuple[str, ...]:
    """The moderators, in the order in which they run; () if off."""
    words = tuple(dict.fromkeys(word.lower() for word in commas(value)))
    if words and all(word in OFF for word in words):
        return ()
    if not words or any(word not in MODERATORS for word in words):
        raise ValueError(f"must be off, or a list of: {', '.join(MODERATORS)}")
    return words


def guard(value: str) -> str:
    return "off" if value.lower() in OFF else choice("off", "reject", "truncate")(value)


def choice(*options: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.lower() not in options:
            raise ValueError(f"must be one of: {', '.join(options)}")
        return value.lower()

    return read


def commas(value: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)


def keys(value: str) -> tuple[str, ...]:
    """Keys separated by commas. Refuses what people paste along with them."""
    parsed = commas(value)
    for key in parsed:
        check_bare(key)
    if any(not key.isascii() or not key.isprintable() or " " in key for key in parsed):
        raise ValueError("must be keys of printable ASCII characters without spaces, separated by commas")
    return parsed


def secret(value: str) -> str:
    """One key."""
    parsed = keys(value)
    if len(parsed) != 1:
        raise ValueError("must be one key")
    return parsed[0]


def region(value: str) -> str:
    """The name of a cloud region."""
    if not re.fullmatch(r"[a-z0-9-]{1,40}", value):
        raise ValueError("must be a region such as ap-guangzhou")
    return value


def tencent_host(value: str) -> str:
    """A host of Tencent Cloud's text moderation; its international site has another one."""
    if not re.fullmatch(r"tms\.([a-z0-9-]{1,40}\.)*tencentcloudapi\.com", value):
        raise ValueError("must be tms.tencentcloudapi.com or a host such as tms.intl.tencentcloudapi.com")
    return value


def proxy_keys(value: str) -> tuple[str, ...]:
    parsed = keys(value)
    if any(":" in key for key in parsed):
        raise ValueError("must not have a colon in a key: callers put one between their own key and the proxy key")
    if any(key.startswith(SIGNED_KEY_PREFIX) for key in parsed):
        raise ValueError("must not have a key that begins with sk-sluice-, as signed keys do")
    for key in parsed:
        check_not_sample(key)
    return parsed


def secrets(value: str) -> tuple[str, ...]:
    """Signing secrets. Anyone who holds a signed key could find a short one by trying."""
    parsed = commas(value)
    for signing_secret in parsed:
        check_bare(signing_secret)
    if not parsed or any(len(signing_secret) < MIN_SECRET for signing_secret in parsed):
        raise ValueError(f"must be random texts of at least {MIN_SECRET} characters, separated by commas")
    for signing_secret in parsed:
        check_not_sample(signing_secret)
    return parsed


def admin_key(value: str) -> str:
    """The owner's own key. It shows what every key has spent, so it must not be guessed."""
    parsed = proxy_keys(value)
    if len(parsed) != 1 or len(parsed[0]) < SHORT_KEY:
        raise ValueError(f"must be one key of at least {SHORT_KEY} characters. Create one with: openssl rand -hex 16")
    return parsed[0]


def webhook(value: str) -> str:
    """An address that is called with POST. It is never quoted, because it may contain a token."""
    if not re.fullmatch(r"https?://[A-Za-z0-9._-]+(:\d{1,5})?(/[!-~]*)?", value) or "#" in value:
        raise ValueError("must be an address such as https://hooks.example.com/budget, without user or spaces")
    return value


def paths(value: str) -> tuple[str, ...]:
    return tuple(path.strip("/").removeprefix("v1/") for path in commas(value))


def references(value: str) -> tuple[str, ...]:
    kinds = tuple(kind.lower() for kind in commas(value))
    if any(kind not in REFERENCES and kind != "*" for kind in kinds):
        raise ValueError(f"must list kinds of references: {', '.join(REFERENCES)}")
    return kinds


def origins(value: str) -> tuple[str, ...]:
    parsed = commas(value)
    for origin in parsed:
        if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
            raise ValueError("must be * or origins such as https://chat.example.com, without a path")
    return parsed


def header_names(value: str) -> tuple[str, ...]:
    names = tuple(name.lower() for name in commas(value))
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"has an invalid header name: {name!r}")
        if name in _NEVER_FORWARDED or name.startswith(PLATFORM_PREFIXES):
            raise ValueError(f"must not include {name!r}, which Sluice handles itself")
    return names


def base_url(value: str) -> str:
    if "," in value:
        raise ValueError("must be one address. Put several upstreams into UPSTREAMS or sluice.toml (docs/upstreams.md)")
    url = value.rstrip("/")
    match = re.fullmatch(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(/[^?#\s]*)?", url)
    if not match or not url.isascii() or not 0 < int((match[3] or ":443")[1:]) < 65_536:
        raise ValueError("must be an address such as https://api.openai.com/v1, without user, query or spaces")
    if url.endswith(("/models", *(f"/{endpoint.path}" for endpoint in ENDPOINTS))):
        raise ValueError("must be the base URL only, usually up to /v1, not the full URL of a call")
    # OpenAI answers 404 without /v1. Other hosts differ (api.perplexity.ai has none), so leave them alone.
    return url + "/v1" if match[2].lower() == "api.openai.com" and not match[4] else url
