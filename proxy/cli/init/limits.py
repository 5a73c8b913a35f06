"""Asks what callers may spend, and where that is counted."""

from __future__ import annotations

from proxy.cli.init.session import Session
from proxy.platforms.platform import Platform

STORE_FILE = "sluice.db"  # in the project's folder, on a server


def ask(session: Session, platform: Platform, holds_key: bool) -> dict[str, str]:
    """The settings that limit spending; {} for no limits. Raises ConfigError and EOFError."""
    options = session.options
    given = (options.max_cost_usd, options.key_budget_usd, options.store)
    if not holds_key:
        if any(value is not None for value in given):
            raise session.stop("limits.own")
        return {}
    settings: dict[str, str] = {}
    if _counts(platform):
        settings |= _amount(session, "MAX_COST_USD", options.max_cost_usd, "cost.ask")
    elif options.max_cost_usd is not None:
        raise session.stop("cost.uncounted", platform=platform.title)
    budget = _amount(session, "KEY_BUDGET_USD", options.key_budget_usd, "budget.ask")
    if budget or options.store is not None:
        settings |= _store(session, platform) | budget
    return settings


def _counts(platform: Platform) -> bool:
    """Whether the platform's bundle can count tokens. A server has no bundle, and all packages."""
    return all(bundle.tiktoken for function in platform.functions if (bundle := function.bundle) is not None)


def _amount(session: Session, setting: str, given: str | None, question: str) -> dict[str, str]:
    if given is not None:
        if problem := session.problem(setting, given):
            raise session.stop("plain", message=problem)
        return {setting: given}
    while session.asks and (answer := session.terminal.ask(session.texts[question])):
        if not (problem := session.problem(setting, answer)):
            return {setting: answer}
        session.terminal.say(problem)
    return {}


def _store(session: Session, platform: Platform) -> dict[str, str]:
    options, is_server = session.options, platform.functions[0].bundle is None
    default = f"sqlite:{session.folder / STORE_FILE}" if is_server else ""
    address = options.store
    if address is not None and (problem := _problem(session, address, is_server)):
        raise session.stop("plain", message=problem)
    while address is None and session.asks:
        answer = session.terminal.ask(session.texts["store.ask"], default)
        if problem := _problem(session, answer, is_server):
            session.terminal.say(problem)
        else:
            address = answer
    address = address or default
    if not address:
        raise session.stop("store.missing")
    return {"STORE": address} | (_token(session) if address.startswith("http") else {})


def _problem(session: Session, address: str, is_server: bool) -> str:
    """What is wrong with a store's address: a function keeps no files, and no bundle has the package redis."""
    if problem := session.problem("STORE", address):
        return problem
    return "" if is_server or address.startswith("http") else session.texts["store.https"]


def _token(session: Session) -> dict[str, str]:
    token = session.environ.get("STORE_TOKEN", "").strip()
    if not token and not session.asks:
        raise session.stop("store.no_token")
    while not token or (problem := session.problem("STORE_TOKEN", token)):
        if token:
            session.terminal.say(problem)
        token = session.terminal.ask_secret(session.texts["store.token"])
    return {"STORE_TOKEN": token}
