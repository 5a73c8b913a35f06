"""Who gets in and what they can use: keys, the list of models, spellings of the base URL, CORS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxy.cli.doctor import endings, upstream
from proxy.cli.doctor.client import Client, Response
from proxy.cli.doctor.endpoint import Endpoint
from proxy.cli.doctor.report import Report
from proxy.errors import NotServed, UnknownPath
from proxy.settings import regions
from proxy.settings.example_models import CHEAP, EXAMPLE

INVALID_KEY = "doctor-made-up-key"
ORIGIN = "https://chat.example.com"
SPELLINGS = ("/v1", "", "/v1/v1", "//v1", "/v1/")
_NO_CHAT = ("embedding", "whisper", "tts", "audio", "image", "dall-e", "moderation", "realtime", "transcribe", "search")


@dataclass(frozen=True, slots=True)
class Models:
    """Whether this key gets in, which models it can use, and whether OpenAI itself answers.

    `empty` says that the list came back empty, so no model is known that this key may use. `upstream_failed` says that
    the endpoint works but its upstream does not.
    """

    admitted: bool
    names: tuple[str, ...] = ()
    is_openai: bool = False
    empty: bool = False
    upstream_failed: bool = False


def models(client: Client, endpoint: Endpoint, report: Report) -> Models:
    """Check who gets in, and what this key can use."""
    report.progress("GET /v1/models")
    response = client.request("/v1/models")
    data = response.json.get("data")
    listed = [model for model in data if isinstance(model, dict)] if isinstance(data, list) else []
    _other_callers(client, endpoint, _is_demo(listed), report)
    if not client.key and endpoint.access != "open":
        report.add("key.none")
        return Models(admitted=False)
    is_openai = "openai-version" in response.headers or "openai-processing-ms" in response.headers
    empty = response.status == 200 and data == []
    names = tuple(str(model.get("id")) for model in listed)
    upstream_failed = (
        bool(endpoint.platform)
        and response.status in (401, 403, 404)
        and upstream.diagnose(client, endpoint.access, report)
    )
    if upstream_failed:
        return Models(False, names, is_openai, empty, upstream_failed)
    return Models(_report_list(response, listed, empty, report), names, is_openai, empty)


def _report_list(response: Response, listed: list[dict[str, Any]], empty: bool, report: Report) -> bool:
    """Report how the list of models came; whether the key gets in."""
    if response.status == 200 and listed:
        report.add("models.ok", count=len(listed), ms=response.ms)
        endings.examine(listed, report)
    elif empty:
        report.add("models.empty")
    elif response.error.get("code") == regions.REFUSED:
        report.add("models.region")
        return False
    elif response.status in (401, 403):
        report.add("key.refused", message=response.summary)
        return False
    elif response.status == 404:
        report.add("models.none")
    else:
        report.add("models.limited" if response.status == 429 else "models.failed", what=response.summary)
    return response.status in (200, 404)


def _other_callers(client: Client, endpoint: Endpoint, demo: bool, report: Report) -> None:
    """Report whether strangers get in. Only lists models, which costs nothing."""
    if endpoint.access == "closed":
        report.add("access.closed")
        return
    keyless = client.request("/v1/models", key="")
    if keyless.status == 200:
        report.add("access.demo" if demo else "access.anonymous" if endpoint.access == "open" else "access.open")
        return
    if keyless.status not in (401, 403):
        report.add("access.unknown", status=keyless.summary)
        return
    # A pass-through sends any key to the provider, and only the provider can refuse it.
    if endpoint.access != "own-key" and client.request("/v1/models", key=INVALID_KEY).status == 200:
        report.add("access.any_key")
        return
    report.add("access.guarded")
    if endpoint.access in ("proxy-key", "own-key", "own-key-and-proxy-key"):
        report.add(f"access.{endpoint.access}")


def _is_demo(listed: list[dict[str, Any]]) -> bool:
    return bool(listed) and all(model.get("owned_by") == "sluice" for model in listed)


def choose_model(names: tuple[str, ...]) -> str:
    """A model to call: a cheap one, else the first in the list that can chat."""
    for name in CHEAP:
        if name in names:
            return name
    chat = [name for name in names if not any(part in name.lower() for part in _NO_CHAT)]
    return chat[0] if chat else EXAMPLE


def spellings(client: Client, models: Models, report: Report) -> None:
    """Check the ways in which apps join a base URL and a path.

    Any response but a 404 shows that the path was found. So does the upstream's own 404, if it answers everything so.
    """
    report.progress("/v1, /v1/v1 …")
    responses = {spelling: client.request(f"{spelling}/models") for spelling in SPELLINGS}
    failing = [
        spelling
        for spelling, response in responses.items()
        if _is_lost(response)
        and not (models.upstream_failed and response.status == 404 and response.error.get("code") != UnknownPath.code)
    ]
    shown = ", ".join(f"…{spelling}" if spelling else "…" for spelling in (failing or SPELLINGS))
    if failing:
        report.add("paths.some", list=shown, base=f"{client.root}/v1")
    else:
        report.add("paths.ok", list=shown)


def _is_lost(response: Response) -> bool:
    """Whether a call did not reach the API. A web page or a redirect is not what an app asked for either."""
    if response.error.get("code") == NotServed.code:  # the path was found, but no upstream lists models in this form
        return False
    return response.status == 404 or response.status // 100 in (0, 3) or (response.status == 200 and not response.json)


def cors(client: Client, report: Report) -> None:
    """Send the preflight of a web page that calls with a key."""
    report.progress("CORS")
    preflight = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    response = client.request("/v1/chat/completions", "OPTIONS", key="", headers=preflight)
    allowed = response.headers.get_list("access-control-allow-origin")
    origins = [origin.strip() for value in allowed for origin in value.split(",")]
    headers = response.headers.get("access-control-allow-headers", "").lower()
    if len(origins) > 1:
        report.add("cors.doubled")
    elif response.status // 100 == 2 and origins and origins[0] in ("*", ORIGIN) and "authorization" in headers:
        report.add("cors.ok")
    else:
        report.add("cors.none", what=response.summary)
