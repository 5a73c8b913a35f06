"""The page `/help`: each error of Sluice by its code, why it happens and how to fix it. Error messages refer to it.

It is plain HTML without scripts, open without a key, and served even where CONSOLE=off hides the console: it says only
what every error says anyway.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from html import escape
from typing import Any

from proxy.endpoints.console import page
from proxy.messages import Headers, Reply, Request

LANGUAGES = ("en", "zh")
TABLE = "errors.json"
_LANGUAGE = re.compile(r"(?:^|&)lang=(en|zh)(?:&|$)")
_ACCEPTED = re.compile(r"\s*(en|zh)\b", re.IGNORECASE)
_CODE = re.compile(r"`([^`]+)`")
_WORDS = {
    "en": {
        "title": "Errors and how to fix them",
        "switch": "中文",
        "introduction": "Find the code that the error names. Only messages that end with “See /help#…” come from "
        "Sluice: the same code without it is the provider's.",
        "fix": "Fix: ",
    },
    "zh": {
        "title": "报错与解决办法",
        "switch": "English",
        "introduction": "按报错中的代码查找。只有以“See /help#…”结尾的报错来自 Sluice；"
        "代码相同但没有这一句的，来自厂商。",
        "fix": "解决办法：",
    },
}


def answer(request: Request) -> Reply:
    """The page in the language of `?lang=`, else the first of Accept-Language that it has, else English."""
    policy = f"default-src 'none'; style-src '{page.hashed(_style())}'; base-uri 'none'; frame-ancestors 'none'"
    headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("vary", "accept-language"),
    ]
    return Reply(200, Headers(headers), render(language_of(request)))


def language_of(request: Request) -> str:
    """`en` or `zh`."""
    if match := _LANGUAGE.search(request.query):
        return match[1]
    accepted = (request.headers.get("accept-language") or "").split(",", 20)[:20]
    return next((match[1].lower() for part in accepted if (match := _ACCEPTED.match(part))), "en")


@lru_cache(maxsize=2)
def render(language: str) -> bytes:
    """The page in one language."""
    words = _WORDS[language]
    sections = "".join(_section(group, language) for group in groups())
    other = next(name for name in LANGUAGES if name != language)
    values = {**words, "language": language, "other": other, "style": _style(), "sections": sections}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], page.read("help.html")).encode()


def groups() -> list[dict[str, Any]]:
    """The errors in groups. Each has its code, its HTTP status, and for each language the reason and the fix."""
    found: list[dict[str, Any]] = json.loads(page.read(TABLE))["groups"]
    return found


def _section(group: dict[str, Any], language: str) -> str:
    articles = "".join(_article(error, language) for error in group["errors"])
    return f'<section id="{group["id"]}"><h2>{escape(group[language])}</h2>\n{articles}</section>\n'


def _article(error: dict[str, Any], language: str) -> str:
    code, (reason, fix) = error["code"], error[language]
    label = f"<b>{_WORDS[language]['fix']}</b>"
    return (
        f'<article id="{code}"><h3><code>{code}</code> <small>{error["status"]}</small></h3>\n'
        f"<p>{_html(reason)}</p>\n<p>{label}{_html(fix)}</p></article>\n"
    )


def _html(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))


@lru_cache(maxsize=1)
def _style() -> str:
    return page.style(False) + page.compact("help.css", page.read("help.css"))
