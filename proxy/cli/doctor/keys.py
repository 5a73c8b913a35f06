"""Which key goes where: what callers send goes to the endpoint, a provider's key only to a Sluice that asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.cli.doctor.report import Report

CALLERS, PROXY, OWN = "SLUICE_KEY", "PROXY_KEY", ("OPENAI_API_KEY", "OPENAI_KEY")
NAMES = (CALLERS, PROXY, *OWN)


@dataclass(frozen=True, slots=True)
class Keys:
    """`given` is sent as it is, for somebody has said so; `proxy` and `own` are what else the environment has.

    The sources are where they come from, in words that may be shown.
    """

    given: str = field(default="", repr=False)
    given_source: str = ""
    proxy: str = field(default="", repr=False)
    own: str = field(default="", repr=False)
    own_source: str = ""


def found_in(environ: Mapping[str, str], typed: str | None) -> Keys:
    """The keys in the environment; `typed` is what standard input has given, None where it was not asked."""
    given, source = _first(environ, (CALLERS,), whole=True) if typed is None else (typed, "stdin")
    own, own_source = _first(environ, OWN)
    return Keys(given, source if given else "", _first(environ, (PROXY,))[0], own, own_source)


def secrets(environ: Mapping[str, str], typed: str | None) -> list[str]:
    """All that must never be shown."""
    values = [typed or "", *(environ.get(name, "") for name in NAMES)]
    return [part.strip() for value in values for part in (value, *value.split(","))]


def choose(keys: Keys, access: str, safe: bool, report: Report) -> str:
    """The key for an endpoint whose readyz has told `access`, '' where there is none for it.

    `safe` says that it is a Sluice, and that nobody on the way can read along: else no provider's key is sent.
    """
    own = keys.own if safe else ""
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
    elif keys.own and not safe and access.startswith("own-key"):
        report.add("key.withheld", source=keys.own_source)
    return key


def _first(environ: Mapping[str, str], names: tuple[str, ...], whole: bool = False) -> tuple[str, str]:
    """The first key in the first of these that has one, and that one's name."""
    for name in names:
        value = environ.get(name, "")
        for part in [value] if whole else value.split(","):
            if part.strip():
                return part.strip(), name
    return "", ""
