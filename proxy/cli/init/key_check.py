"""Tries a provider's key with one call that costs nothing: its list of models, as the doctor does."""

from __future__ import annotations

from proxy import startup
from proxy.cli.init.choices import Upstream
from proxy.cli.init.session import Session
from proxy.cli.providers.entry import settings_of
from proxy.errors import ConfigError


def works(session: Session, upstream: Upstream) -> bool:
    """Whether the provider can be reached from here and takes the key; says what is wrong if not.

    True if this cannot be found out.
    """
    try:
        import httpx  # noqa: F401 — the doctor's client needs it
    except ModuleNotFoundError:
        session.terminal.say(session.texts["check.skipped"])
        return True
    from proxy.cli.doctor import local
    from proxy.cli.doctor.command import Output
    from proxy.cli.doctor.report import Finding, Report
    from proxy.transports.tls import tls_context

    terminal = session.terminal
    output = Output(terminal.stdout, terminal.stdout, session.environ, session.language)

    def show(finding: Finding) -> None:
        if finding.state in ("failed", "warning") or finding.check == "upstream":
            output.finding(finding)

    terminal.say(session.texts["check.begin"])
    report = Report(show, output.progress)
    try:
        settings = startup.load(settings_of(upstream.entry, upstream.key, upstream.base_url))
        report.hide(settings.secrets)
        local.upstreams(settings, report, tls_context())
    except ConfigError as error:  # a socks proxy, or certificates that cannot be read
        report.add("settings.wrong", message=error.message)
    finally:
        output.clear()
    return not report.failed
