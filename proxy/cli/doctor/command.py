"""`python -m proxy doctor [--url U]`: what is wrong with an endpoint, or with what is about to become one."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from proxy import __version__
from proxy.cli.doctor import words_en, words_zh
from proxy.cli.doctor.report import Finding, Report
from proxy.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
_MARKS = {"ok": ("✓", "+", "32"), "warning": ("!", "!", "33"), "failed": ("✗", "x", "31"), "skipped": ("·", "-", "2")}


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `key` is None or `-`, which reads standard input: a key never stands in a command."""

    url: str | None = None
    key: str | None = None
    model: str | None = None
    as_json: bool = False
    size: bool = False
    language: str | None = None


def run(environ: Mapping[str, str], options: Options) -> int:
    """Examine and tell. Returns 0 where nothing stands in the way, 1 where something does, 2 for a wrong command.

    Ctrl-C is 130, as in a shell.
    """
    language = options.language or language_of(environ)
    words = words_zh if language == "zh" else words_en
    try:
        import httpx  # noqa: F401 — the probes' only package
    except ModuleNotFoundError:
        print("sluice: httpx is not installed. `make setup` installs it, or: pip install httpx", file=sys.stderr)
        return 1
    from proxy.cli.doctor import addresses, bundles, chat, keys, local, remote
    from proxy.transports.tls import tls_context

    if options.key not in (None, "-"):
        print("sluice: --key takes only -, and reads the key from standard input. " + words.KEY_HINT, file=sys.stderr)
        return 2
    try:
        root = addresses.root_of(options.url) if options.url is not None else ""
    except ValueError as error:
        wrong = words.WRONG_PORT if isinstance(error, addresses.WrongPort) else words.WRONG_URL
        print(f"sluice: {wrong}", file=sys.stderr)
        return 2
    shown = Shown(sys.stdout, sys.stderr, environ, language, silent=options.as_json)
    report = Report(shown.tell, shown.begin)
    costs = [words.COST_URL.format(tokens=chat.MOST_TOKENS) if root else words.COST_LOCAL]
    costs += [words.COST_SIZE] if root and options.size else []
    for cost in costs:
        shown.line(cost)
    try:
        context = tls_context()
        if root:
            typed = sys.stdin.readline().strip() if options.key == "-" else None
            report.keep_secret(keys.secrets(environ, typed))
            asked = remote.Asked(root, keys.found_in(environ, typed), options.model, options.size)
            remote.examine(asked, report, context)
        else:
            local.examine(environ, ROOT, report, context)
            bundles.examine(ROOT, report)
    except ConfigError as error:
        report.add("settings.wrong", message=error.message)
    except KeyboardInterrupt:
        return 130
    finally:
        shown.end()
    if options.as_json:
        plain = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
        print(json.dumps(as_object(report, root, costs, language), ensure_ascii=plain))
    else:
        shown.line(words.SUMMARY.format(**counts(report)))
    return 1 if report.failed else 0


def language_of(environ: Mapping[str, str]) -> str:
    """`zh` or `en`, as the environment's locale has it."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "zh" if locale.lower().startswith("zh") else "en"


def counts(report: Report) -> dict[str, int]:
    """How many findings there are of each state."""
    return {state: sum(one.state == state for one in report.findings) for state in _MARKS}


def as_object(report: Report, root: str, costs: list[str], language: str) -> dict[str, Any]:
    """The whole report as one JSON object."""
    found = []
    for one in report.findings:
        what, todo = one.words(language)
        fields = {"check": one.check, "state": one.state, "code": one.code, "message": what, "advice": todo}
        found.append({**fields, "values": one.values})
    base = f"{root}/v1" if root else None
    told = {"version": __version__, "url": base, "ok": not report.failed, "counts": counts(report)}
    return {**told, "cost": " ".join(costs), "findings": found}


class Shown:
    """The report on a terminal or in a file: a line a finding, and beside it what is being waited for."""

    def __init__(
        self, out: TextIO, errors: TextIO, environ: Mapping[str, str], language: str, silent: bool = False
    ) -> None:
        self._out, self._errors, self._language, self._silent = out, errors, language, silent
        self._colours = out.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._moves = errors.isatty() and environ.get("TERM") != "dumb"
        self._waiting = False
        try:
            "✓✗·".encode(out.encoding or "ascii")
            self._column = 0
        except UnicodeEncodeError:
            self._column = 1

    def tell(self, found: Finding) -> None:
        """Print one finding at once."""
        what, todo = found.words(self._language)
        mark = _MARKS[found.state][self._column]
        if self._colours:
            mark = f"\x1b[{_MARKS[found.state][2]}m{mark}\x1b[0m"
        self.line(f"{mark} {what}")
        if todo:
            self.line(f"  → {todo}" if not self._column else f"  > {todo}")

    def begin(self, what: str) -> None:
        """Show what is being waited for, where somebody looks on."""
        self.end()
        if self._moves:
            self._errors.write(f"… {what}"[:70])
            self._errors.flush()
            self._waiting = True

    def end(self) -> None:
        """Take back what `begin` has shown."""
        if self._waiting:
            self._errors.write("\r\x1b[K")
            self._errors.flush()
            self._waiting = False

    def line(self, text: str) -> None:
        """One line, with what the terminal's encoding does not have left out."""
        self.end()
        if not self._silent:
            encoding = self._out.encoding or "utf-8"
            print(text.encode(encoding, "replace").decode(encoding), file=self._out, flush=True)
