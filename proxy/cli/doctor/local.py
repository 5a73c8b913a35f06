"""The local machine: its settings, installed packages, deployment manifests and upstreams."""

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
from proxy.cli import env_file
from proxy.cli.doctor import endings, extras, reach, upstream
from proxy.cli.doctor.client import Client
from proxy.cli.doctor.endpoint import is_unserved
from proxy.cli.doctor.report import Report
from proxy.endpoints import model_entries
from proxy.endpoints.status import SHORT_SECONDS
from proxy.errors import ConfigError
from proxy.routing import targets
from proxy.settings import config
from proxy.settings.providers import Provider
from proxy.settings.single_upstreams import setting_of
from proxy.upstream import credential

PACKAGES = ("uvicorn", "httptools", "tiktoken", "itsdangerous", "mangum")
# Reasoning models stay silent for minutes; half a minute is too short for any model.
SHORTEST_SECONDS = 30.0
GATEWAY_SECONDS = 30.0
UPSTREAM_SECONDS = 20.0
_TIMEOUT = re.compile(r"^\s*timeout:\s*(\d+)\s*(?:#.*)?$", re.IGNORECASE | re.MULTILINE)
_REGION = re.compile(r"^\s*region:\s*([a-z0-9-]+)\s*(?:#.*)?$", re.MULTILINE)
MANIFESTS = (
    *("serverless.yml", "serverless.event.yml", "s.yaml"),
    *("template.yaml", "template.pass-through.yaml", "template.signed-keys.yaml"),
)


def examine(environ: Mapping[str, str], root: Path, report: Report, context: ssl.SSLContext) -> None:
    """Check what would be deployed from the folder `root` with the settings in `environ`."""
    report.add("python.ok", version=platform.python_version())
    _packages(report)
    try:
        settings = startup.load_with_file(environ)
    except ConfigError as error:
        report.add("settings.wrong", message=error.message)
        settings = None
    if settings is not None:
        report.hide(settings.secrets)
        _settings(settings, environ, root, report)
    openai = settings is not None and any(map(is_openai, settings.providers)) and not settings.demo
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
    from proxy.cli.serve import DELIBERATE  # loads the adapters, which probing a remote endpoint does not need

    report.add("settings.ok", count=len(settings.given))
    if not settings.given & DELIBERATE:
        report.add("settings.demo")
    if Path(env_file.NAME).is_file():  # __main__ has read it
        report.add("file.found", path=env_file.NAME)
    path = Path(environ.get("CONFIG_FILE", "").strip() or root / "sluice.toml")
    if path.is_file():
        report.add("file.found", path=str(path))
    else:
        report.add("file.none", path=str(path))
    mode = settings.access_mode
    opened = "demo" if settings.demo else "anonymous"
    report.add(f"access.{opened if mode == 'open' else mode}")
    for message in startup.warnings(settings):
        report.add("settings.weak", message=message)
    _timeouts(settings, report)


def _timeouts(settings: config.Config, report: Report) -> None:
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
    """Check the time-out and the region in the manifests: they decide what a function gets."""
    for name in MANIFESTS:
        if not (root / name).is_file():
            continue
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        for seconds in map(int, _TIMEOUT.findall(text)):
            report.add("manifest.short" if seconds <= SHORT_SECONDS else "manifest.ok", file=name, seconds=seconds)
        for region in _REGION.findall(text) if openai else ():
            report.add("region.unserved" if is_unserved(region) else "region.ok", region=region)


def upstreams(settings: config.Config, report: Report, context: ssl.SSLContext) -> None:
    """Call each upstream from here, with each of its keys."""
    if settings.demo:
        report.add("upstream.demo")
        return
    used = [provider for provider in settings.providers if provider.holds] or list(settings.providers[:1])
    direct = settings.upstream_engine == "direct"
    for provider in used:
        if reach.examine(provider.base_url, report, context, upstream=True, direct=direct):
            _keys(provider, report, context, direct)
    with closing(Client("", "", context)) as client:
        extras.status_page(client, any(is_openai(provider) for provider in used), report)


def _keys(provider: Provider, report: Report, context: ssl.SSLContext, direct: bool) -> None:
    api = provider.listing
    base, query = targets.of_key(provider, 0, "", None, api).base_url, ""
    if provider.kind == "azure":  # see proxy/routing/azure.py
        base = base if base.endswith("/openai") else f"{base}/openai"
        query = f"?api-version={provider.api_version}"
    is_listed = False
    with closing(Client(base, "", context, UPSTREAM_SECONDS, direct=direct)) as client:
        for position, key in enumerate(provider.keys or ("",), 1):
            name = f"{provider.name}/{position}" if len(provider.keys) > 1 else provider.name
            report.progress(f"GET {base}/models")
            authorization = credential(targets.of_key(provider, position - 1, key, None, api))
            own, _ = model_entries.request(api)
            headers = dict([*own, *provider.headers, *([authorization] if authorization else [])])
            response = client.request(f"/models{query}", key="", headers=headers)
            if response.status in (401, 403):
                if key:
                    setting = setting_of(provider.name, "keys")
                    report.add("upstream.key", name=name, what=response.summary, setting=setting)
                else:
                    report.add("upstream.reached", name=name, what=response.summary)
            elif response.status == 200:
                report.add("upstream.ok", name=name, status=response.status, ms=response.ms)
                if not is_listed:  # the other keys' lists are much the same
                    endings.examine(response.json.get("data"), report, _used(provider))
                is_listed = True
            elif response.status == 404:
                _without_list(provider, name, client, headers, report)
            else:
                report.add("upstream.failed", name=name, what=response.summary)


def _without_list(provider: Provider, name: str, client: Client, headers: dict[str, str], report: Report) -> None:
    """Tell an upstream that only lacks a list of models from one whose base URL is wrong."""
    response = client.request("/chat/completions", "POST", key="", headers=headers, json=upstream.EMPTY)
    if provider.kind == "azure" or not upstream.is_unknown_path(response):
        report.add("upstream.no_list", name=name)
        return
    with_v1 = f"{provider.base_url}/v1"
    is_served = (
        not provider.base_url.endswith("/v1")
        and client.request(f"{with_v1}/models", key="", headers=headers).status != 404
    )
    setting = setting_of(provider.name, "base_url")
    report.add("upstream.base", name=name, better=with_v1 if is_served else "…/v1", setting=setting)


def _used(provider: Provider) -> set[str]:
    """The upstream's own names of the models that the configuration spells out."""
    return {name for _, name in provider.aliases} | {name for name in provider.models if "*" not in name}


def is_openai(provider: Provider) -> bool:
    """Whether this is OpenAI's own service."""
    host = urlsplit(provider.base_url).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")
