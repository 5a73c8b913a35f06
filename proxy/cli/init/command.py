"""`python -m proxy init`: from questions to a file with settings that load, and the commands that deploy it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from proxy import startup
from proxy.cli.init import limits, questions, recipes, settings_file, texts_en, texts_zh
from proxy.cli.init.choices import settings_for
from proxy.cli.init.options import Options
from proxy.cli.init.plan import Plan
from proxy.cli.init.session import Session
from proxy.cli.init.terminal import Terminal
from proxy.cli.language import language_of
from proxy.errors import ConfigError
from proxy.settings import text_file

FILES = ("sluice.toml", ".env")
ROOT = Path(__file__).resolve().parents[3]


def run(
    environ: Mapping[str, str],
    options: Options,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    folder: Path | None = None,
) -> int:
    """Ask, write and print what to do next. Returns 0, 1 if nothing was written, 2 for a wrong command, 130 for Ctrl-C.

    The file goes into the checkout, or into the current folder if the package is installed elsewhere.
    """
    language = options.lang or language_of(environ)
    texts = (texts_zh if language == "zh" else texts_en).TEXTS
    terminal = Terminal(stdin or sys.stdin, stdout or sys.stdout, texts)
    if folder is None:
        folder = ROOT if (ROOT / "dev.py").is_file() else Path.cwd()
    if options.key not in (None, "-"):
        print(f"sluice: {texts['key.option']}", file=sys.stderr)
        return 2
    try:
        return _run(Session(options, environ, terminal, texts, language, folder))
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"sluice: {error.filename or folder}: {error.strerror or error}. {texts['nothing']}", file=sys.stderr)
        return 1
    except (EOFError, UnicodeDecodeError):
        terminal.say(f"\n{texts['ended']}")
        return 1
    except KeyboardInterrupt:
        terminal.say(f"\n{texts['interrupted']}")
        return 130


def _run(session: Session) -> int:
    options, terminal, texts = session.options, session.terminal, session.texts
    path, other = (session.folder / name for name in (FILES if options.toml else reversed(FILES)))
    replace = options.force
    if path.exists() and not replace:
        if not session.asks:
            raise session.stop("exists.stop", path=path)
        replace = terminal.confirm(texts["exists.ask"].format(path=path))
        if not replace:
            terminal.say(texts["nothing"])
            return 1
    if session.asks:
        terminal.say(texts["intro"].format(path=path))
    choices = questions.ask(session)
    settings = settings_for(choices)
    plan = Plan(session, choices.platform, choices.access, settings, path.name)
    recipes.check(plan)
    _load(session, settings, None if options.toml else other)
    shown = recipes.lines(plan)
    _write(session, path, settings, replace)
    if other.exists():
        terminal.say(texts["other.exists"].format(path=other))
    if settings["PROXY_KEY"]:
        terminal.say(f"\n{texts['proxy_key.shown']}\n  {settings['PROXY_KEY']}")
    terminal.say()
    for line in shown:
        terminal.say(line)
    return 0


def _load(session: Session, settings: Mapping[str, str], toml: Path | None) -> None:
    """Whatever is wrong must be said before anything is written. Raises ConfigError."""
    if toml is None or not toml.exists():
        startup.load(settings)
        return
    try:
        startup.load(settings, text_file.read(toml, "CONFIG_FILE", named=False))
    except ConfigError as error:
        raise session.stop("other.wrong", path=toml, message=error.message) from None


def _write(session: Session, path: Path, settings: Mapping[str, str], replace: bool) -> None:
    text = settings_file.toml_text(settings) if session.options.toml else _env_text(session, settings)
    stored = session.folder / limits.STORE_FILE
    names = (path.name, f"{stored.name}*") if settings.get("STORE") == f"sqlite:{stored}" else (path.name,)
    ignored = settings_file.ignore(session.folder, names)  # before there is anything to ignore
    try:
        settings_file.write_private(path, text, replace)
    except FileExistsError:
        raise session.stop("exists.stop", path=path) from None
    if ignored:
        session.terminal.say(session.texts["file.ignored"].format(names=", ".join(ignored)))
    session.terminal.say(session.texts["file.written"].format(path=path))


def _env_text(session: Session, settings: Mapping[str, str]) -> str:
    try:
        return settings_file.env_text(settings)
    except settings_file.Unwritable as error:
        raise session.stop("value.unwritable", name=str(error)) from None
