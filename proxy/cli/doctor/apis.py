"""Which APIs an endpoint serves, and what to paste into the coding agents that speak them.

Each probe is a request without a prompt or a text, so nothing is generated or paid for. It names a model only if the
key has a limit that needs one.
"""

from __future__ import annotations

from proxy.cli.doctor.client import Client, Response
from proxy.cli.doctor.endpoint import Endpoint
from proxy.cli.doctor.report import Report
from proxy.cli.doctor.upstream import EMPTY
from proxy.errors import CostTooHigh, NotServed, NoUpstream
from proxy.errors.quota import QuotaSpent, RateLimited

CHAT, GEMINI = "chat", "gemini"
PATHS = {
    CHAT: "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    GEMINI: "/v1beta/models/x:countTokens",
}
# The code of an upstream's error that is no JSON: such a path is not one of an API.
_PAGE = "upstream_status_"
# Sluice refuses such a call itself, so the upstream has not been asked.
_LIMITS = (CostTooHigh.code, RateLimited.code, QuotaSpent.code, "model_not_readable")
SERVED, NONE, UNKNOWN = "served", "none", "unknown"


def examine(client: Client, endpoint: Endpoint, model: str, report: Report) -> bool:
    """Report which APIs this key can call. Returns whether chat completions may be called.

    `model` is for a key whose limits refuse a call that names none; '' if none is known.
    A caller's own key is not sent: another API may be another provider's, which must not learn it.
    """
    if not endpoint.platform:
        return True
    if endpoint.access.startswith("own-key"):
        report.add("apis.own_key")
        return True
    results = {}
    for api, path in PATHS.items():
        report.progress(f"POST {path}")
        response = client.request(path, "POST", json=EMPTY)
        if model and _is_limited(response):
            response = client.request(path, "POST", json={"model": model})
        results[api] = state_of(api, response)
        report.add(f"{api}_api.{results[api]}", base=client.root, what=response.summary)
    return results[CHAT] != NONE


def state_of(api: str, response: Response) -> str:
    """`served`, `none`, or `unknown`: a refusal of the key or the cost, or a failure, says nothing about it."""
    if response.status == 404:
        code = _code(response)
        if code == NotServed.code or code.startswith(_PAGE):
            return NONE
        # Sluice or Google does not know the model. Any other 404 is about the path.
        knows_path = code == NoUpstream.code or (api == GEMINI and response.error.get("status") == "NOT_FOUND")
        return SERVED if knows_path else NONE
    if _is_limited(response):
        return UNKNOWN
    return UNKNOWN if response.status in (0, 401, 403) or response.status >= 500 else SERVED


def _is_limited(response: Response) -> bool:
    """Whether Sluice refused the call for a limit of the key. Providers use some of the codes, but not its text."""
    code = _code(response)
    return code in _LIMITS and f"/help#{code}" in str(response.error.get("message"))


def _code(response: Response) -> str:
    """The code of Sluice's error. In Google's form it is in capitals, as the reason of a detail."""
    details = response.error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("domain") == "sluice":
            return str(detail.get("reason")).lower()
    return str(response.error.get("code"))
