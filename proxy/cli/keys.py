"""`python -m proxy keys mint|inspect`: signed keys for other people. Both need no database, only SIGNING_SECRET."""

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
from proxy.cli import own_settings
from proxy.cost.cost_limit import MIN_OUTPUT_TOKENS
from proxy.errors import ConfigError, ProxyError
from proxy.settings import config, parsers
from proxy.store.base import NANO_PER_USD, REVOKED_DAYS, usd
from proxy.wire.path_table import FAMILIES

DAY = 86_400  # seconds
MAX_DAYS = REVOKED_DAYS  # or a revocation could end before its key
_MAX_RATES = {"rpm": parsers.MAX_RPM, "tpm": parsers.MAX_TPM, "parallel": parsers.MAX_PARALLEL}


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """The options for a new key, as on the command line: lists are separated by commas, `days` count from now."""

    name: str
    days: float = 30
    models: str | None = None
    paths: str | None = None
    max_output_tokens: int | None = None
    budget_usd: float | None = None
    per: str | None = None
    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None


def make(environ: Mapping[str, str], options: KeyRequest, now: float) -> str:
    """Create a key. Raises ConfigError for an invalid option."""
    signed_with = signing_secrets(environ)
    if "" in (options.models, options.paths):
        raise ConfigError("--models and --paths must not be empty. Omit them to allow everything.")
    if not NAME.fullmatch(options.name):
        raise ConfigError("--name must be 1 to 40 letters, digits, dots, dashes or underscores.")
    if not 0 < options.days <= MAX_DAYS:
        raise ConfigError(f"--days must be more than 0 and at most {MAX_DAYS}.")
    if options.max_output_tokens is not None and options.max_output_tokens < MIN_OUTPUT_TOKENS:
        raise ConfigError(f"--max-output-tokens must be at least {MIN_OUTPUT_TOKENS}.")
    models, paths = parsers.commas(options.models or ""), parsers.paths(options.paths or "")
    if unknown := [path for path in paths if path != "*" and path.partition("/")[0] not in FAMILIES]:
        raise ConfigError(
            f"--paths: unknown path {unknown[0]}. Valid are chat, embeddings, images/generations and others."
        )
    grant = Grant(models, paths, options.max_output_tokens, *_limits(options))
    return mint(Key(options.name, secrets.token_hex(3), int(now + options.days * DAY), grant), signed_with)


def _limits(options: KeyRequest) -> tuple[int | None, str, int | None, int | None, int | None]:
    """The budget, its period, and the rates. Raises ConfigError for an invalid option."""
    if options.per is not None and options.budget_usd is None:
        raise ConfigError("--per says when a budget starts again. Add --budget-usd, or omit --per.")
    lowest, highest = parsers.MIN_BUDGET_USD, parsers.MAX_BUDGET_USD
    if options.budget_usd is not None and not lowest <= options.budget_usd <= highest:
        raise ConfigError(f"--budget-usd must be from {lowest:f} to {highest}.")
    for name, highest in _MAX_RATES.items():
        value = getattr(options, name)
        if value is not None and not 1 <= value <= highest:
            raise ConfigError(f"--{name} must be from 1 to {highest}.")
    budget = None if options.budget_usd is None else round(options.budget_usd * NANO_PER_USD)
    return budget, "" if budget is None else options.per or "month", options.rpm, options.tpm, options.parallel


def run_mint(environ: Mapping[str, str], options: KeyRequest) -> int:
    """Print a new key to stdout and what it allows to stderr. Returns 1 with a message if the key cannot be made."""
    try:
        text = make(environ, options, time.time())
        key = read(text, signing_secrets(environ))
        description = _describe(key, environ)
    except ProxyError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    print(text)
    print("\n".join(description), file=sys.stderr)
    return 0


def run_inspect(environ: Mapping[str, str], text: str) -> int:
    """Print what a key allows; `-` reads it from stdin. Returns 1 if the key would be refused."""
    try:
        key = read((sys.stdin.read() if text == "-" else text).strip(), signing_secrets(environ))
        description = _describe(key, environ)
    except ProxyError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    print("\n".join(description))
    return 1 if _refusal(key, environ) else 0


def _describe(key: Key, environ: Mapping[str, str]) -> list[str]:
    expires = datetime.fromtimestamp(key.expires, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    limit = key.grant.max_output_tokens
    lines = [
        f"name     {key.name}",
        f"id       {key.id}   (to revoke it: python -m proxy keys revoke {key.id}; without STORE, REVOKED_KEYS)",
        f"expires  {expires}",
        f"models   {', '.join(key.grant.models) or 'all'}",
        f"paths    {', '.join(key.grant.paths) or 'all open paths'}",
        f"answers  {f'up to {limit} tokens' if limit is not None else 'any length'}",
        *_described_limits(key.grant),
    ]
    return [*lines, *([f"refused  {reason}"] if (reason := _refusal(key, environ)) else [])]


def _described_limits(grant: Grant) -> list[str]:
    """The limits that hold for all calls of a key together. Those that a server gives to every key are not in it."""
    lines, counted = [], "   (counted in the endpoint's STORE)"
    if grant.budget is not None:
        period = "in all" if grant.period == "total" else f"per {grant.period}"
        lines.append(f"budget   {usd(grant.budget)} US dollars {period}{counted}")
    rates = ((grant.rpm, "requests a minute"), (grant.tpm, "tokens a minute"), (grant.parallel, "calls at a time"))
    parts = [f"{limit} {what}" for limit, what in rates if limit is not None]
    return [*lines, f"rates    {', '.join(parts)}{counted}"] if parts else lines


def _refusal(key: Key, environ: Mapping[str, str]) -> str | None:
    if key.expires <= time.time():
        return "expired"
    revoked = _settings(environ).revoked_keys
    return "revoked" if key.id in revoked or key.name in revoked else None


def signing_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets that sign and verify keys. Raises ConfigError if there is none."""
    found = _settings(environ).signing_secret
    if not found:
        raise ConfigError(
            "SIGNING_SECRET is not set. Create one, keep it, and set it here and on the endpoint: "
            f"export SIGNING_SECRET={secrets.token_urlsafe(32)}"
        )
    if not startup.can_verify():
        raise ConfigError(
            "SIGNING_SECRET needs the package itsdangerous. Run `make setup`, or: pip install itsdangerous"
        )
    return found


def _settings(environ: Mapping[str, str]) -> config.Config:
    return own_settings.read(environ, "SIGNING_SECRET", "REVOKED_KEYS")
