"""Chooses the key to send: a caller's key goes to any endpoint, a provider's key only to a Sluice that asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.cli.doctor.report import Report

CALLER, PROXY, PROVIDER = "SLUICE_KEY", "PROXY_KEY", ("OPENAI_API_KEY", "OPENAI_KEY")
# Other providers' keys are never sent: a pass-through may send a call on to OpenAI. SLUICE_KEY is, wherever it is from.
NAMES = (CALLER, PROXY, *PROVIDER, "ANTHROPIC_API_KEY", "GEMINI_API_KEY")


@dataclass(frozen=True, slots=True)
class Keys:
    """`given` is sent as it is, because the user chose it; `proxy` and `own` come from the other variables.

    The sources name where a key comes from, and may be shown.
    """

    given: str = field(default="", repr=False)
    given_source: str = ""
    proxy: str = field(default="", repr=False)
    own: str = field(default="", repr=False)
    own_source: str = ""


def available(environ: Mapping[str, str], typed: str | None) -> Keys:
    """The keys at hand. `typed` was read from standard input; None if it was not read."""
    given, source = _first(environ, (CALLER,), whole=True) if typed is None else (typed, "stdin")
    own, own_source = _first(environ, PROVIDER)
    return Keys(given, source if given else "", _first(environ, (PROXY,))[0], own, own_source)


def secrets(environ: Mapping[str, str], typed: str | None) -> list[str]:
    """Everything that must never be shown."""
    values = [typed or "", *(environ.get(name, "") for name in NAMES)]
    return [part.strip() for value in values for part in (value, *value.split(","))]


def choose(keys: Keys, access: str, trusted: bool, report: Report) -> str:
    """The key for an endpoint with this `access` mode, as `/readyz` reports it; '' if there is none.

    `trusted` says that the endpoint is a Sluice and the connection is private. Otherwise no provider key is sent.
    """
    own = keys.own if trusted else ""
    if keys.given:
        key, source = keys.given, keys.given_source
    elif access == "own-key":
        key, source = own, keys.own_source
    elif access == "own-key-and-proxy-key":
        key, source = f"{own}:{keys.proxy}" if own and keys.proxy else "", f"{keys.own_source}:{PROXY}"
    else:
        key, source = keys.proxy, PROXY
    if key:
        report.add("key.source", source=source)
    elif keys.own and not trusted and access.startswith("own-key"):
        report.add("key.withheld", source=keys.own_source)
    return key


def _first(environ: Mapping[str, str], names: tuple[str, ...], whole: bool = False) -> tuple[str, str]:
    """The first key in these variables, and the variable it comes from. `whole` does not split at commas."""
    for name in names:
        value = environ.get(name, "")
        for part in [value] if whole else value.split(","):
            if part.strip():
                return part.strip(), name
    return "", ""
