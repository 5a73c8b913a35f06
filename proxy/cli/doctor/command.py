"""`python -m proxy doctor [--url U]`: finds what is wrong with an endpoint, or with a machine before it deploys one."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from proxy import __version__
from proxy.cli.doctor import messages_en, messages_zh
from proxy.cli.doctor.report import Finding, Report
from proxy.cli.language import language_of
from proxy.errors import ConfigError

STDOUT = "-"  # in place of a file
ROOT = Path(__file__).resolve().parents[3]
# The mark of each state, the same in ASCII, and its ANSI colour.
_MARKS = {"ok": ("✓", "+", "32"), "warning": ("!", "!", "33"), "failed": ("✗", "x", "31"), "skipped": ("·", "-", "2")}


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `key` is None, or `-` to read standard input: a shell's history must not hold a key.

    `report` is the file for the report that can be shared, `-` for standard output; None writes none.
    """

    url: str | None = None
    key: str | None = None
    model: str | None = None
    as_json: bool = False
    size: bool = False
    language: str | None = None
    report: str | None = None
    with_host: bool = False


def run(environ: Mapping[str, str], options: Options) -> int:
    """Run the checks and print the report. Returns 1 if anything needs fixing, 2 for a wrong command, otherwise 0.

    Ctrl-C gives 130, as in a shell.
    """
    language = options.language or language_of(environ)
    messages = messages_zh if language == "zh" else messages_en
    try:
        import httpx  # noqa: F401 — the checks need no other package
    except ModuleNotFoundError:
        print("sluice: httpx is not installed. Run `make setup`, or: pip install httpx", file=sys.stderr)
        return 1
    from proxy.cli.doctor import addresses, bundles, chat, keys, local, remote
    from proxy.transports.tls import tls_context

    if problem := _mistake(options, messages):
        print(f"sluice: {problem}", file=sys.stderr)
        return 2
    root = addresses.root_of(options.url) if options.url is not None else ""
    output = Output(sys.stdout, sys.stderr, environ, language, silent=options.as_json or options.report == STDOUT)
    report = Report(output.finding, output.progress)
    costs = [messages.COST_URL.format(tokens=chat.MAX_TOKENS) if root else messages.COST_LOCAL]
    costs += [messages.COST_SIZE] if root and options.size else []
    for cost in costs:
        output.line(cost)
    try:
        context = tls_context()
        if root:
            typed = _typed_key(messages) if options.key == "-" else None
            report.hide(keys.secrets(environ, typed))
            probe = remote.Probe(root, keys.available(environ, typed), options.model, options.size)
            remote.examine(probe, report, context)
        else:
            local.examine(environ, ROOT, report, context)
            bundles.examine(ROOT, report)
    except ConfigError as error:
        report.add("settings.wrong", message=error.message)
    except KeyboardInterrupt:
        return 130
    finally:
        output.clear()
    written = _share(report, root, options, messages) if options.report is not None else True
    if options.as_json:
        ascii_only = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
        print(json.dumps(as_object(report, root, costs, language), ensure_ascii=ascii_only))
    else:
        output.line(messages.SUMMARY.format(**report.counts))
    if written and options.report not in (None, STDOUT):
        output.line(messages.REPORT_WRITTEN.format(file=options.report))
    return 1 if report.failed or not written else 0


def _typed_key(messages: ModuleType) -> str:
    """The key from stdin. A terminal says what it waits for, and does not show it."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{messages.KEY_QUESTION}: ").strip()
    return sys.stdin.readline().strip()


def _mistake(options: Options, messages: ModuleType) -> str:
    """What is wrong with the command line, as a sentence; '' if nothing is."""
    from proxy.cli.doctor import addresses

    if options.key not in (None, "-"):
        return f"{messages.INVALID_KEY_OPTION} {messages.KEY_HINT}"
    if options.with_host and options.report is None:
        return str(messages.HOST_NEEDS_REPORT)
    if options.report is not None and options.url is None:
        return str(messages.REPORT_NEEDS_URL)
    if options.report == STDOUT and options.as_json:
        return str(messages.REPORT_NEEDS_FILE)
    try:
        addresses.root_of("localhost" if options.url is None else options.url)
    except addresses.InvalidPort:
        return str(messages.INVALID_PORT)
    except ValueError:
        return str(messages.INVALID_URL)
    return ""


def _share(report: Report, root: str, options: Options, messages: ModuleType) -> bool:
    """Write the report that can be shared. Returns whether that worked, and says on standard error why not."""
    from proxy.cli.doctor import shareable

    today = datetime.fromtimestamp(time.time(), timezone.utc).date()
    text = shareable.markdown(report, shareable.Scope(root, today, options.size, options.with_host))
    if options.report == STDOUT:
        print(text, end="", flush=True)
        return True
    try:
        Path(str(options.report)).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        why = error.strerror or type(error).__name__
        print(f"sluice: {messages.REPORT_NOT_WRITTEN.format(file=options.report, why=why)}", file=sys.stderr)
        return False
    return True


def as_object(report: Report, root: str, costs: list[str], language: str) -> dict[str, Any]:
    """The whole report as one JSON object."""
    findings = []
    for finding in report.findings:
        message, advice = finding.text(language)
        fields = {"check": finding.check, "state": finding.state, "code": finding.code}
        findings.append({**fields, "message": message, "advice": advice, "values": finding.values})
    url = f"{root}/v1" if root else None
    summary = {"version": __version__, "url": url, "ok": not report.failed, "counts": report.counts}
    return {**summary, "cost": " ".join(costs), "findings": findings}


class Output:
    """Writes the report to a terminal or a file, one line per finding, and shows the step in progress on terminals."""

    def __init__(
        self, out: TextIO, errors: TextIO, environ: Mapping[str, str], language: str, silent: bool = False
    ) -> None:
        self._out, self._errors, self._language, self._silent = out, errors, language, silent
        self._colours = out.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._interactive = errors.isatty() and environ.get("TERM") != "dumb"
        self._in_progress = False
        try:
            "✓✗·".encode(out.encoding or "ascii")
            self._ascii = False
        except UnicodeEncodeError:
            self._ascii = True

    def finding(self, finding: Finding) -> None:
        """Print one finding."""
        message, advice = finding.text(self._language)
        symbol, ascii_symbol, colour = _MARKS[finding.state]
        mark = ascii_symbol if self._ascii else symbol
        if self._colours:
            mark = f"\x1b[{colour}m{mark}\x1b[0m"
        self.line(f"{mark} {message}")
        if advice:
            self.line(f"  > {advice}" if self._ascii else f"  → {advice}")

    def progress(self, step: str) -> None:
        """Show which step is running, if stderr is a terminal."""
        self.clear()
        if self._interactive:
            self._errors.write(f"… {step}"[:70])
            self._errors.flush()
            self._in_progress = True

    def clear(self) -> None:
        """Remove what `progress` has shown."""
        if self._in_progress:
            self._errors.write("\r\x1b[K")
            self._errors.flush()
            self._in_progress = False

    def line(self, text: str) -> None:
        """Print one line, with a question mark for each character that the encoding lacks."""
        self.clear()
        if not self._silent:
            encoding = self._out.encoding or "utf-8"
            print(text.encode(encoding, "replace").decode(encoding), file=self._out, flush=True)
