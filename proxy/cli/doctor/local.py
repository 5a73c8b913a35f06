"""What this machine has: its settings, what is installed, the files that are deployed from it, and its upstreams."""

from __future__ import annotations

import platform
import re
import ssl
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from proxy import startup, tokens
from proxy.access import auth
from proxy.cli.doctor import extras, reach, upstream
from proxy.cli.doctor.door import Door
from proxy.cli.doctor.entry import is_unserved
from proxy.cli.doctor.report import Report
from proxy.endpoints.status import SHORT_SECONDS
from proxy.errors import ConfigError
from proxy.settings import config
from proxy.settings.providers import Provider
from proxy.upstream import Target, credential

PACKAGES = ("uvicorn", "httptools", "tiktoken", "itsdangerous", "mangum")
# The models that think longest are silent for minutes; half of one is no time-out for any.
SHORTEST_SECONDS = 30.0
GATEWAY_SECONDS = 30.0
UPSTREAM_SECONDS = 20.0
_TIMEOUT = re.compile(r"^\s*timeout:\s*(\d+)\s*(?:#.*)?$", re.IGNORECASE | re.MULTILINE)
_REGION = re.compile(r"^\s*region:\s*([a-z0-9-]+)\s*(?:#.*)?$", re.MULTILINE)
MANIFESTS = (
    *("serverless.yml", "serverless.event.yml"),
    *("template.yaml", "template.pass-through.yaml", "template.signed-keys.yaml"),
)


def examine(environ: Mapping[str, str], root: Path, report: Report, context: ssl.SSLContext) -> None:
    """What would be deployed from the folder `root`, with the settings in `environ`."""
    report.add("python.ok", version=platform.python_version())
    _packages(report)
    try:
        settings = startup.load_with_file(environ)
    except ConfigError as error:
        report.add("settings.wrong", message=error.message)
        settings = None
    if settings is not None:
        report.keep_secret(settings.secrets)
        _settings(settings, environ, root, report)
    openai = settings is not None and any(is_openai(one) for one in settings.providers) and not settings.demo
    _manifests(root, openai, report)
    if settings is not None:
        upstreams(settings, report, context)


def _packages(report: Report) -> None:
    for name in PACKAGES:
        if find_spec(name) is None:
            report.add(f"package.{name}")
        else:
            report.add("package.ok", name=name, version=version(name))
    report.add("tokens.ok" if tokens.installed() else "tokens.missing")


def _settings(settings: config.Config, environ: Mapping[str, str], root: Path, report: Report) -> None:
    from proxy.cli.serve import MEANT  # with the adapters behind it, which a probe of an endpoint does without

    report.add("settings.ok", count=len(settings.given))
    if not settings.given & MEANT:
        report.add("settings.demo")
    path = Path(environ.get("CONFIG_FILE", "").strip() or root / "sluice.toml")
    report.add(*(("file.found",) if path.is_file() else ("file.none",)), path=str(path))
    how = auth.mode(settings)
    report.add(f"access.{'demo' if settings.demo else 'anonymous' if how == 'open' else how}")
    for message in startup.warnings(settings):
        report.add("settings.weak", message=message)
    problems = len(report.findings)
    if settings.timeout_seconds < SHORTEST_SECONDS:
        report.add("timeout.short", seconds=settings.timeout_seconds)
    if (first := settings.first_byte_seconds) is not None and first > settings.timeout_seconds:
        report.add("timeout.first", first=first, seconds=settings.timeout_seconds)
    pings = (settings.keepalive_first_seconds, settings.keepalive_seconds)
    if 0 in pings:
        report.add("timeout.no_pings")
    elif max(pings) >= GATEWAY_SECONDS:
        report.add("timeout.pings", seconds=max(pings))
    if len(report.findings) == problems:
        report.add("timeout.ok")


def _manifests(root: Path, openai: bool, report: Report) -> None:
    """The time-out and the region in the files that deploy; a function is never given longer than they say."""
    for name in MANIFESTS:
        if not (root / name).is_file():
            continue
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        for seconds in map(int, _TIMEOUT.findall(text)):
            report.add("manifest.short" if seconds <= SHORT_SECONDS else "manifest.ok", file=name, seconds=seconds)
        for region in _REGION.findall(text) if openai else ():
            report.add("region.unserved" if is_unserved(region) else "region.ok", region=region)


def upstreams(settings: config.Config, report: Report, context: ssl.SSLContext) -> None:
    """Whether each upstream can be reached from here, with each of its keys."""
    if settings.demo:
        report.add("upstream.demo")
        return
    used = [one for one in settings.providers if one.holds] or list(settings.providers[:1])
    straight = settings.upstream_engine == "direct"
    for one in used:
        if reach.examine(one.base_url, report, context, upstream=True, straight=straight):
            _keys(one, report, context, straight)
    with closing(Door("", "", context)) as door:
        extras.status_page(door, any(is_openai(one) for one in used), report)


def _keys(one: Provider, report: Report, context: ssl.SSLContext, straight: bool) -> None:
    base, query = one.base_url, ""
    if one.kind == "azure":  # as proxy/routing/azure.py has it
        base = base if base.endswith("/openai") else f"{base}/openai"
        query = f"?api-version={one.api_version}"
    with closing(Door(base, "", context, UPSTREAM_SECONDS, straight=straight)) as door:
        for position, key in enumerate(one.keys or ("",), 1):
            name = f"{one.name}/{position}" if len(one.keys) > 1 else one.name
            report.begin(f"GET {base}/models")
            named = credential(Target(one.name, base, key, provider=one))
            headers = dict([*one.headers, *([named] if named else [])])
            heard = door.ask(f"/models{query}", key="", headers=headers)
            if heard.status in (401, 403):
                report.add("upstream.key" if key else "upstream.reached", name=name, what=heard.what)
            elif heard.status == 200:
                report.add("upstream.ok", name=name, status=heard.status, ms=heard.ms)
            elif heard.status == 404:
                _without_list(one, name, door, headers, report)
            else:
                report.add("upstream.failed", name=name, what=heard.what)


def _without_list(one: Provider, name: str, door: Door, headers: dict[str, str], report: Report) -> None:
    """Whether an upstream has only no list of models, or nothing at all under its base URL."""
    heard = door.ask("/chat/completions", "POST", key="", headers=headers, json=upstream.EMPTY)
    if one.kind == "azure" or not upstream.is_lost(heard):
        report.add("upstream.no_list", name=name)
        return
    better = f"{one.base_url}/v1"
    found = not one.base_url.endswith("/v1") and door.ask(f"{better}/models", key="", headers=headers).status != 404
    report.add("upstream.base", name=name, better=better if found else "…/v1")


def is_openai(one: Provider) -> bool:
    """Whether calls go to OpenAI's own service."""
    host = urlsplit(one.base_url).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")
