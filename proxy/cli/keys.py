"""`python -m proxy keys mint|inspect`: keys to give away, which nothing but SIGNING_SECRET has to remember."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from proxy import startup
from proxy.access.signed_keys import NAME, Key, mint, read
from proxy.call import Grant
from proxy.cost.cost_limit import MIN_OUTPUT_TOKENS
from proxy.errors import ConfigError, ProxyError
from proxy.settings import config, parsers
from proxy.wire.path_table import FAMILIES

DAY = 86_400  # seconds
MOST_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Asked:
    """What a new key is to be, as the command line says it: comma lists as texts, `days` from now on."""

    name: str
    days: float = 30
    models: str | None = None
    paths: str | None = None
    max_output_tokens: int | None = None


def make(environ: Mapping[str, str], asked: Asked, now: float) -> str:
    """A new key. Raises ConfigError with a sentence for what cannot be put into one."""
    signing = _secrets(environ)
    if "" in (asked.models, asked.paths):
        raise ConfigError(
            "--models and --paths take a list, and leave them out for all: an empty one would open all too."
        )
    if not NAME.fullmatch(asked.name):
        raise ConfigError("--name takes up to 40 letters, digits, dots, dashes and underscores.")
    if not 0 < asked.days <= MOST_DAYS:
        raise ConfigError(f"--days takes a number up to {MOST_DAYS}.")
    if asked.max_output_tokens is not None and asked.max_output_tokens < MIN_OUTPUT_TOKENS:
        raise ConfigError(f"--max-output-tokens takes a whole number from {MIN_OUTPUT_TOKENS} on.")
    models, paths = parsers.commas(asked.models or ""), parsers.paths(asked.paths or "")
    if unknown := [path for path in paths if path != "*" and path.partition("/")[0] not in FAMILIES]:
        raise ConfigError(f"--paths: {unknown[0]} is no path below /v1. Such as: chat, embeddings, images/generations.")
    grant = Grant(models, paths, asked.max_output_tokens)
    return mint(Key(asked.name, secrets.token_hex(3), int(now + asked.days * DAY), grant), signing)


def run_mint(environ: Mapping[str, str], asked: Asked) -> int:
    """Print a new key on standard output and what it may on standard error. Returns 1 with a sentence if it cannot."""
    try:
        text = make(environ, asked, time.time())
        key = read(text, _secrets(environ))
        told = _told(key, environ)
    except ProxyError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    print(text)
    print("\n".join(told), file=sys.stderr)
    return 0


def run_inspect(environ: Mapping[str, str], text: str) -> int:
    """Print what a key may; `-` reads it from standard input. Returns 1 where it would be refused."""
    try:
        key = read((sys.stdin.read() if text == "-" else text).strip(), _secrets(environ))
        told = _told(key, environ)
    except ProxyError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    print("\n".join(told))
    return 1 if _refusal(key, environ) else 0


def _told(key: Key, environ: Mapping[str, str]) -> list[str]:
    until = datetime.fromtimestamp(key.expires, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"name     {key.name}",
        f"id       {key.id}   (put this into REVOKED_KEYS to take the key back)",
        f"expires  {until}",
        f"models   {', '.join(key.grant.models) or 'all'}",
        f"paths    {', '.join(key.grant.paths) or 'all that are open'}",
        f"answers  {key.grant.max_output_tokens or 'any number of'} tokens",
    ]
    return [*lines, *([f"refused  {reason}"] if (reason := _refusal(key, environ)) else [])]


def _refusal(key: Key, environ: Mapping[str, str]) -> str | None:
    if key.expires <= time.time():
        return "it has expired"
    revoked = _settings(environ).revoked_keys
    return "it was revoked" if key.id in revoked or key.name in revoked else None


def _secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    found = _settings(environ).signing_secret
    if not found:
        raise ConfigError(
            "SIGNING_SECRET is not set. Make one, keep it, and set it here and where the endpoint runs: "
            f"export SIGNING_SECRET={secrets.token_urlsafe(32)}"
        )
    return found


def _settings(environ: Mapping[str, str]) -> config.Config:
    """The two settings that matter for keys: minting needs no upstream, and none of its keys."""
    names = ("SIGNING_SECRET", "REVOKED_KEYS")
    return startup.load({"DEMO": "1", **{name: environ[name] for name in names if name in environ}})
