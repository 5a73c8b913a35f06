"""The command line of `init`. No option takes a key: a shell keeps its history."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from proxy.platforms import registry

PROXY_KEY, SIGNED_KEYS, OWN_KEYS = "proxy-key", "signed-keys", "own-keys"
ACCESS = (PROXY_KEY, SIGNED_KEYS, OWN_KEYS)
OTHER = "other"  # a server that is not in the table of providers


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. What is None is asked, or, with `yes`, gets its default.

    `key` is None, or `-` to read the provider's key from standard input. Amounts are texts, as they were typed.
    """

    provider: tuple[str, ...] = ()
    base_url: str | None = None
    key: str | None = None
    platform: str | None = None
    access: str | None = None
    max_cost_usd: str | None = None
    key_budget_usd: str | None = None
    store: str | None = None
    toml: bool = False
    yes: bool = False
    force: bool = False
    no_check: bool = False
    lang: str | None = None


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of `init` to a parser, each under its name in Options."""
    command.add_argument(
        "--provider",
        action="append",
        metavar="NAME",
        help=f"a name in docs/providers.md, {OTHER} (with --base-url) or {OWN_KEYS}; with --toml several times",
    )
    command.add_argument("--base-url", metavar="URL", help="the provider's address, where the table's is not yours")
    command.add_argument(
        "--key",
        help="only -, which reads the provider's key from stdin; otherwise NAME_API_KEY is used, such as "
        "DEEPSEEK_API_KEY, or the key is asked for",
    )
    platforms = [platform.name for platform in registry.PLATFORMS]
    command.add_argument("--platform", choices=platforms, help="where it will run (default: server)")
    command.add_argument("--access", choices=ACCESS, help=f"who may call (default: {PROXY_KEY})")
    command.add_argument("--max-cost-usd", metavar="USD", help="what one request may cost (default: no limit)")
    command.add_argument(
        "--key-budget-usd", metavar="USD", help="what each caller's key may spend in a month (default: no limit)"
    )
    command.add_argument(
        "--store", metavar="ADDRESS", help="where budgets are kept; its token is read from STORE_TOKEN"
    )
    command.add_argument(
        "--toml", action="store_true", help="write sluice.toml instead of .env; takes several providers"
    )
    command.add_argument("--yes", action="store_true", help="ask nothing: take the options and the defaults")
    command.add_argument("--force", action="store_true", help="replace a file that exists")
    command.add_argument("--no-check", action="store_true", help="do not try the key")
    command.add_argument("--lang", choices=("en", "zh"), help="language of the questions (default: from the locale)")


def options_of(namespace: argparse.Namespace) -> Options:
    """The options that `add_arguments` has parsed."""
    values = {name: getattr(namespace, name) for name in Options.__slots__}
    return Options(**{**values, "provider": tuple(values["provider"] or ())})
