"""Who gets in, and what they see: keys, the list of models, spellings of the base URL, CORS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxy.cli.doctor import upstream
from proxy.cli.doctor.door import Door, Heard
from proxy.cli.doctor.entry import Entry
from proxy.cli.doctor.report import Report
from proxy.errors import UnknownPath
from proxy.settings import regions

MADE_UP = "doctor-made-up-key"  # nobody's
ORIGIN = "https://chat.example.com"
SPELLINGS = ("/v1", "", "/v1/v1", "//v1", "/v1/")
# Small and cheap, where an endpoint offers one of them; else the first in its list that can chat.
_CHEAP = ("demo", "gpt-4.1-nano", "gpt-4o-mini", "deepseek-chat", "glm-4-flash", "qwen-turbo", "hunyuan-lite")
_NO_CHAT = ("embedding", "whisper", "tts", "audio", "image", "dall-e", "moderation", "realtime", "transcribe", "search")


@dataclass(frozen=True, slots=True)
class Models:
    """Whether calls get in with this key, the names of the models there are, and whether OpenAI itself answers.

    `empty` says that the list has come with nothing in it: no model is known that this key may use; `upstream_failed`
    that the endpoint works, and what it calls does not.
    """

    admitted: bool
    names: tuple[str, ...] = ()
    is_openai: bool = False
    empty: bool = False
    upstream_failed: bool = False


def models(door: Door, entry: Entry, report: Report) -> Models:
    """What this key is good for. Says who else gets in."""
    report.begin("GET /v1/models")
    heard = door.ask("/v1/models")
    listed = heard.json.get("data")
    known = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    _who_else(door, entry, _is_demo(known), report)
    if not door.key and entry.access != "open":
        report.add("key.none")
        return Models(admitted=False)
    is_openai = "openai-version" in heard.headers or "openai-processing-ms" in heard.headers
    empty = heard.status == 200 and listed == []
    named = tuple(str(one.get("id")) for one in known)
    if entry.platform and heard.status in (401, 403, 404) and (blamed := upstream.blamed(door, entry.access, report)):
        return Models(False, named, is_openai, empty, blamed)
    admitted = _judge(heard, known, empty, report)
    return Models(admitted, named, is_openai, empty)


def _judge(heard: Heard, known: list[dict[str, Any]], empty: bool, report: Report) -> bool:
    if heard.status == 200 and known:
        report.add("models.ok", count=len(known), ms=heard.ms)
    elif empty:
        report.add("models.empty")
    elif heard.error.get("code") == regions.REFUSED:
        report.add("models.region")
        return False
    elif heard.status in (401, 403):
        report.add("key.refused", message=heard.what)
        return False
    elif heard.status == 404:
        report.add("models.none")
    else:
        report.add("models.limited" if heard.status == 429 else "models.failed", what=heard.what)
    return heard.status in (200, 404)


def _who_else(door: Door, entry: Entry, demo: bool, report: Report) -> None:
    """Whether strangers get in. Asks for the list of models alone: that costs nobody anything."""
    if entry.access == "closed":
        report.add("access.closed")
        return
    stranger = door.ask("/v1/models", key="")
    if stranger.status == 200:
        report.add("access.demo" if demo else "access.anonymous" if entry.access == "open" else "access.open")
        return
    if stranger.status not in (401, 403):
        report.add("access.unknown", status=stranger.what)
        return
    # A pass-through sends any key up, so that only the provider can refuse it.
    if entry.access != "own-key" and door.ask("/v1/models", key=MADE_UP).status == 200:
        report.add("access.any_key")
        return
    report.add("access.guarded")
    if entry.access in ("proxy-key", "own-key", "own-key-and-proxy-key"):
        report.add(f"access.{entry.access}")


def _is_demo(known: list[dict[str, Any]]) -> bool:
    return bool(known) and all(one.get("owned_by") == "sluice" for one in known)


def choose(names: tuple[str, ...]) -> str:
    """A model to ask, as cheap a one as is known."""
    for name in _CHEAP:
        if name in names:
            return name
    fit = [name for name in names if not any(part in name.lower() for part in _NO_CHAT)]
    return fit[0] if fit else "gpt-4o-mini"


def spellings(door: Door, models: Models, report: Report) -> None:
    """The ways in which apps put a base URL and a path together; anything but 404 has found the way.

    So has a 404 of the upstream's, where that answers nothing else.
    """
    report.begin("/v1, /v1/v1 …")
    heard = {one: door.ask(f"{one}/models") for one in SPELLINGS}
    missed = [
        one
        for one, answer in heard.items()
        if _goes_wrong(answer)
        and not (models.upstream_failed and answer.status == 404 and answer.error.get("code") != UnknownPath.code)
    ]
    shown = ", ".join(f"…{one}" if one else "…" for one in (missed or SPELLINGS))
    if missed:
        report.add("paths.some", list=shown, base=f"{door.root}/v1")
    else:
        report.add("paths.ok", list=shown)


def _goes_wrong(heard: Heard) -> bool:
    """Also a page, or a redirection, is not what an app asked for."""
    return heard.status == 404 or heard.status // 100 in (0, 3) or (heard.status == 200 and not heard.json)


def cors(door: Door, report: Report) -> None:
    """What a browser asks before a page's call with a key."""
    report.begin("CORS")
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    heard = door.ask("/v1/chat/completions", "OPTIONS", key="", headers=asked)
    origins = [one.strip() for line in heard.headers.get_list("access-control-allow-origin") for one in line.split(",")]
    headers = heard.headers.get("access-control-allow-headers", "").lower()
    if len(origins) > 1:
        report.add("cors.doubled")
    elif heard.status // 100 == 2 and origins and origins[0] in ("*", ORIGIN) and "authorization" in headers:
        report.add("cors.ok")
    else:
        report.add("cors.none", what=heard.what)
