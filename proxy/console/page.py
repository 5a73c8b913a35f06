"""The plain page at `/`: the base URL to copy and a command to try it with."""

from __future__ import annotations

import re
from html import escape

from proxy import auth
from proxy.config import Config
from proxy.messages import Request

HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
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
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Sluice</title>
<style>
:root{{color-scheme:light dark}}
body{{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}}
pre{{overflow-x:auto;padding:.8rem;border:1px solid #8886;border-radius:.4rem}}
</style></head><body>
<h1>Sluice is running</h1>
<p>Paste this base URL into an app or an SDK · 把这个地址填进应用的「接口地址 / Base URL」:</p>
<pre>{base}/v1</pre>
<p>Some apps add <code>/v1</code> themselves; they want · 有的应用会自己加上 /v1,那就填:</p>
<pre>{base}</pre>
<p>Key · 密钥: <code>{key}</code></p>
<p>Try it in a terminal · 在终端里试一试:</p>
<pre>curl -N {base}/v1/chat/completions \\
  -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'</pre>
</body></html>
"""


def render(request: Request, config: Config) -> bytes:
    """The page for the address that the request came in by."""
    base = escape(base_url(request))
    key = _KEY[auth.mode(config)]
    return _PAGE.format(base=base, key=key, model="demo" if config.demo else "gpt-4o-mini").encode()


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
