"""Asks for the providers: which, where, and with which key."""

from __future__ import annotations

import re

from proxy.cli.init import key_check
from proxy.cli.init.choices import Upstream
from proxy.cli.init.options import OTHER, OWN_KEYS
from proxy.cli.init.session import Session
from proxy.cli.providers import table
from proxy.cli.providers.entry import Entry

_BLANK = re.compile(r"[A-Za-z0-9-]{1,63}")


def ask(session: Session) -> tuple[Upstream, ...]:
    """The providers with their keys; none if callers bring their own. Raises ConfigError and EOFError."""
    upstreams = [_upstream(session, name) for name in _named(session)]
    if session.options.provider or session.options.yes:
        return tuple(upstreams)
    while (name := _chosen(session, {upstream.entry.name for upstream in upstreams})) != OWN_KEYS:
        upstreams.append(_upstream(session, name))
        if not session.options.toml or not session.terminal.confirm(session.texts["provider.more"]):
            break
    return tuple(upstreams)


def _named(session: Session) -> tuple[str, ...]:
    """The providers on the command line, which must fit together."""
    names, options = session.options.provider, session.options
    if options.yes and not names:
        raise session.stop("provider.missing")
    for name in names:
        if name not in (OTHER, OWN_KEYS) and table.find(name) is None:
            raise session.stop("provider.unknown", name=name)
        if names.count(name) > 1:
            raise session.stop("provider.twice", name=name)
    if len(names) > 1 and OWN_KEYS in names:
        raise session.stop("provider.mixed")
    if len(names) > 1 and not options.toml:
        raise session.stop("provider.several")
    if len(names) > 1 and options.base_url is not None:
        raise session.stop("address.several")
    return tuple(name for name in names if name != OWN_KEYS)


def _chosen(session: Session, taken: set[str]) -> str:
    texts = session.texts
    entries = [entry for entry in table.ENTRIES if entry.name not in taken]
    choices = [(entry.name, entry.title_zh if session.language == "zh" else entry.title) for entry in entries]
    choices += [] if OTHER in taken else [(OTHER, texts["provider.other"])]
    choices += [] if taken else [(OWN_KEYS, texts["provider.own"])]
    return session.terminal.choose(texts["provider.ask"], choices)


def _upstream(session: Session, name: str) -> Upstream:
    entry = table.find(name) or _other(session)
    base_url = _address(session, entry)
    if session.asks and entry.note:
        note = entry.note_zh if session.language == "zh" else entry.note
        session.terminal.say(f"{_title(session, entry)}: {note.replace('`', '')}")
    if session.options.access == OWN_KEYS:
        return Upstream(entry, "", base_url)
    while True:
        upstream = Upstream(entry, _key(session, entry), base_url)
        if not upstream.key or session.options.no_check or key_check.works(session, upstream):
            return upstream
        if not session.asks:
            raise session.stop("check.failed")
        choices = [(step, session.texts[f"check.{step}"]) for step in ("again", "keep", "stop")]
        step = session.terminal.choose(session.texts["check.next"], choices, "again")
        if step == "stop":
            raise KeyboardInterrupt
        if step == "keep":
            return upstream


def _other(session: Session) -> Entry:
    """A server that is not in the table. Its address is asked for later."""
    title = session.texts["provider.other"]
    return Entry(OTHER, title, title, "https://llm.example.com/v1", "", "", (), "", "", "", "")


def _address(session: Session, entry: Entry) -> str:
    """The provider's address if it is not the table's; '' otherwise."""
    given = session.options.base_url
    if given is not None:
        if problem := session.problem("OPENAI_BASE_URL", given):
            raise session.stop("plain", message=problem)
        return given
    if entry.name != OTHER and not entry.blank:
        return ""
    if not session.asks:
        raise session.stop("address.missing", name=entry.name, base_url=entry.base_url)
    if entry.blank:
        question = session.texts["address.blank"].format(blank=entry.blank, base_url=entry.base_url)
        while not _BLANK.fullmatch(answer := session.terminal.ask(question)):
            pass
        return entry.base_url.replace(entry.blank, answer)
    while problem := session.problem("OPENAI_BASE_URL", answer := session.terminal.ask(session.texts["address.ask"])):
        session.terminal.say(problem)
    return answer


def _key(session: Session, entry: Entry) -> str:
    """The provider's key: from standard input, a variable or a question. '' if callers bring their own."""
    variable = f"{entry.name.upper().replace('-', '_')}_API_KEY"
    if session.options.key is not None:
        key = session.terminal.read_line()
    elif (found := session.environ.get(variable, "").strip()) and (
        not session.asks or session.terminal.confirm(session.texts["key.use"].format(variable=variable), default=True)
    ):
        key = found
    elif session.asks:
        return _typed(session, entry)
    else:
        key = entry.placeholder_key
    if not key:
        raise session.stop("key.missing", name=entry.name, variable=variable)
    if problem := session.problem("OPENAI_API_KEY", key):
        raise session.stop("plain", message=problem)
    return key


def _typed(session: Session, entry: Entry) -> str:
    terminal, texts, title = session.terminal, session.texts, _title(session, entry)
    if entry.key_page:
        terminal.say(texts["key.page"].format(page=entry.key_page))
    question = texts["key.ask" if entry.needs_key else "key.ask_optional"].format(title=title)
    while True:
        key = terminal.ask_secret(question) or entry.placeholder_key
        if not key:
            if terminal.confirm(texts["key.none"]):
                return ""
        elif problem := session.problem("OPENAI_API_KEY", key):
            terminal.say(problem)
        else:
            if not key.startswith(entry.key_prefix) and key != entry.placeholder_key:
                terminal.say(texts["key.prefix"].format(title=title, prefix=entry.key_prefix))
            return key


def _title(session: Session, entry: Entry) -> str:
    return entry.title_zh if session.language == "zh" else entry.title
