"""The console at `/`: one page that contacts only this endpoint.

Its HTML, CSS and JavaScript are small files in this folder and are sent as one. Data about the server is embedded as
JSON, which browsers do not run.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from proxy import __version__
from proxy.endpoints import default_model
from proxy.host import Host
from proxy.messages import Request
from proxy.settings.config import Config
from proxy.settings.example_models import PRICED

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    *("texts.js", "fixes.js", "dom.js", "problems.js", "api.js", "markdown.js", "answer.js", "protocols.js"),
    *("stream.js", "report.js", "clients.js", "choices.js", "chat.js", "tokens.js", "limits.js"),
)
USAGE_SCRIPTS = ("usage_texts.js", "usage_plot.js", "usage.js")
LAST_SCRIPT = "start.js"  # it needs all the others
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
# One path segment before /v1, which is not /v1 itself.
_STAGE = re.compile(r"/*?((?!/v1/*$)/[A-Za-z0-9_-]+)?(?:/+v1)?/*", re.IGNORECASE)
_KEY_PLACEHOLDERS = {
    "open": "any-text",
    "closed": "every-call-is-refused",
    "proxy-key": "THE-PROXY-KEY",
    "own-key": "YOUR-PROVIDER-KEY",
    "own-key-and-proxy-key": "YOUR-PROVIDER-KEY:THE-PROXY-KEY",
}


def render(request: Request, config: Config, host: Host) -> bytes:
    """The page, with the address that the request was sent to."""
    from proxy.endpoints.console import limits

    base = base_url(request)
    data = {
        "base": base,
        "stage": base.partition("://")[2].partition("/")[2],
        "version": __version__,
        "access": config.access_mode,
        "key": _KEY_PLACEHOLDERS[config.access_mode],
        "platform": host.platform,
        "streams": host.capabilities.streams,
        "demo": config.demo,
        "model": default_model.first_model(config),
        "models": {api: default_model.first_model(config, api) for api in default_model.served_apis(config)},
        "translated": default_model.translated_apis(config),
        "priced": ", ".join(PRICED),
        "clients": [
            {name: value for name, value in client.items() if name != "pings"}  # only docs/clients.md shows it
            for client in json.loads(read("clients.json"))["clients"]
        ],
        "limits": limits.card(host.platform),
    }
    counts = has_usage(config)
    values = {"style": style(counts), "script": script(counts), "data": inert(data), "base": escape(base)}
    values |= {name: read(f"{name}.html") if counts else "" for name in ("usage", "usage_tab")}
    # One pass, so that a value cannot contain a placeholder for another one.
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], read("page.html"))
    return page.encode()


def headers(config: Config) -> list[tuple[str, str]]:
    """The page's headers. Browsers run only the script and apply only the styles that are hashed here."""
    counts = has_usage(config)
    policy = (
        f"default-src 'none'; script-src '{hashed(script(counts))}'; style-src '{hashed(style(counts))}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ]


def inert(data: Any) -> str:
    """`data` as JSON without `<`, `>` and `&`, so that it cannot end or begin an element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r"[<>&\u2028\u2029\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def has_usage(config: Config) -> bool:
    """Whether the page has the tab Usage. Without a store there is nothing to show, and the page stays small."""
    return config.store is not None


@lru_cache(maxsize=2)
def script(counts: bool) -> str:
    """All scripts in one function scope, without comments and indentation. `counts`: with those of the tab Usage."""
    names = (*SCRIPTS, *(USAGE_SCRIPTS if counts else ()), LAST_SCRIPT)
    return '(() => {\n"use strict";\n' + "".join(compact(name, read(name)) for name in names) + "})();"


@lru_cache(maxsize=2)
def style(counts: bool) -> str:
    """The style sheet without comments and indentation."""
    return "".join(compact(name, read(name)) for name in ("style.css", *(["usage.css"] if counts else [])))


def compact(name: str, text: str) -> str:
    """A script or a style sheet without comments and indentation, any other file as it is."""
    comment = {"js": r"//.*", "css": r"/\*.*\*/"}.get(name.rpartition(".")[2])
    return re.sub(rf"(?m)^[ \t]*(?:{comment})?\n?", "", text) if comment else text


def read(name: str) -> str:
    """A file in this folder. Workers only have Python files, so their bundle has the others in a module.

    Raises KeyError for a file that such a bundle lacks.
    """
    path = HERE / name
    if path.exists():
        return path.read_text(encoding="utf-8")
    text: str = import_module("proxy.endpoints.console.packed").FILES[name]
    return text


def base_url(request: Request) -> str:
    """`https://host` and a gateway's stage, as the caller used them. Anything else in host or path is left out.

    The page shows a command to copy, and a link from a stranger must not be able to put anything into it.
    """
    host = request.headers.get("x-forwarded-host") or request.headers.get("host") or ""
    if not _HOST.fullmatch(host):
        host = "this-address"
    scheme = (request.headers.get("x-forwarded-proto") or "").partition(",")[0].strip()
    if scheme not in ("http", "https"):
        scheme = "http" if (request.origin or "").startswith("http:") else "https"
    stage = _STAGE.fullmatch(request.path)
    return f"{scheme}://{host}{stage[1] or '' if stage else ''}"


def hashed(text: str) -> str:
    """The source of a script or a style sheet in a content security policy."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
