"""The console at `/`: one page, put together here, that asks nobody but this endpoint.

It is written as small files of HTML, CSS and JavaScript beside this one, and sent as a single one. What it needs to
know of the server goes in as JSON, which no browser runs.
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
from proxy.access import auth
from proxy.endpoints import default_model
from proxy.host import Host
from proxy.messages import Request
from proxy.settings.config import Config

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    *("words.js", "dom.js", "place.js", "markdown.js", "stream.js", "report.js"),
    *("chat.js", "clients.js", "tokens.js", "limits.js", "start.js"),
)
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
# One word before /v1, which is none itself.
_STAGE = re.compile(r"/*?((?!/v1/*$)/[A-Za-z0-9_-]+)?(?:/+v1)?/*", re.IGNORECASE)
_KEY = {
    "open": "any-text",
    "closed": "nobody-is-let-in-yet",
    "proxy-key": "THE-PROXY-KEY",
    "own-key": "YOUR-PROVIDER-KEY",
    "own-key-and-proxy-key": "YOUR-PROVIDER-KEY:THE-PROXY-KEY",
}


def render(request: Request, config: Config, host: Host) -> bytes:
    """The page for the address that the request came in by."""
    from proxy.endpoints.console import limits

    base = base_url(request)
    data = {
        "base": base,
        "stage": base.partition("://")[2].partition("/")[2],
        "version": __version__,
        "access": auth.mode(config),
        "key": _KEY[auth.mode(config)],
        "platform": host.platform,
        "streams": host.capabilities.streams,
        "demo": config.demo,
        "model": default_model.first_model(config),
        "clients": json.loads(read("clients.json"))["clients"],
        "limits": limits.card(host.platform),
    }
    filled = {"style": style(), "script": script(), "data": inert(data), "base": escape(base)}
    # One pass, so that nothing that is filled in can hold a place for something else.
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], read("page.html"))
    return page.encode()


def headers() -> list[tuple[str, str]]:
    """The reply's headers. The browser runs nothing and styles nothing but the very bytes that are hashed here."""
    policy = (
        f"default-src 'none'; script-src '{_hashed(script())}'; style-src '{_hashed(style())}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ]


def inert(data: Any) -> str:
    """`data` as JSON that can end no element and start none: no `<`, `>` or `&` in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r"[<>&\u2028\u2029\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


@lru_cache(maxsize=1)
def script() -> str:
    """All scripts as one, in a scope of its own, without their comments and indentation."""
    return '(() => {\n"use strict";\n' + "".join(compact(name, read(name)) for name in SCRIPTS) + "})();"


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet without its comments and indentation."""
    return compact("style.css", read("style.css"))


def compact(name: str, text: str) -> str:
    """A script or a style sheet without comments and indentation, any other file as it is."""
    comment = {"js": r"//.*", "css": r"/\*.*\*/"}.get(name.rpartition(".")[2])
    return re.sub(rf"(?m)^[ \t]*(?:{comment})?\n?", "", text) if comment else text


def read(name: str) -> str:
    """One of the files beside this one. A Worker is uploaded as Python alone: its bundle has them in a module."""
    path = HERE / name
    if path.exists():
        return path.read_text(encoding="utf-8")
    found: str = import_module("proxy.endpoints.console.packed").FILES[name]
    return found


def base_url(request: Request) -> str:
    """`https://host` and a gateway's stage as the caller used them; what is no host name or stage is not repeated.

    The page shows a command to copy, and a link that somebody else made must not be able to put a part into that.
    """
    host = request.headers.get("x-forwarded-host") or request.headers.get("host") or ""
    if not _HOST.fullmatch(host):
        host = "this-address"
    scheme = (request.headers.get("x-forwarded-proto") or "").partition(",")[0].strip()
    if scheme not in ("http", "https"):
        scheme = "http" if (request.origin or "").startswith("http:") else "https"
    stage = _STAGE.fullmatch(request.path)
    return f"{scheme}://{host}{stage[1] or '' if stage else ''}"


def _hashed(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
