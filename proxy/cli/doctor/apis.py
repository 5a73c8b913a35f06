"""Which APIs an endpoint serves, and what to paste into the coding agents that speak them.

Each probe is a request without a prompt or a text, so nothing is generated or paid for.
"""

from __future__ import annotations

from proxy.cli.doctor.client import Client, Response
from proxy.cli.doctor.endpoint import Endpoint
from proxy.cli.doctor.report import Report
from proxy.cli.doctor.upstream import EMPTY
from proxy.errors import CostTooHigh, NotServed, NoUpstream

CHAT, GEMINI = "chat", "gemini"
PATHS = {
    CHAT: "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    GEMINI: "/v1beta/models/x:countTokens",
}
# The code of an upstream's error that is no JSON: such a path is not one of an API.
_PAGE = "upstream_status_"
SERVED, NONE, UNKNOWN = "served", "none", "unknown"


def examine(client: Client, endpoint: Endpoint, report: Report, model: str) -> bool:
    """Report which APIs this key can call. Returns whether chat completions may be called.

    Where calls without a known price are refused, a probe names `model`, still without a prompt. A caller's own key is
    not sent: another API may be another provider's, which must not learn it.
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
        if api != GEMINI and _code(response) == CostTooHigh.code:  # refused before any upstream was asked
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
    if response.status in (0, 401, 403) or response.status >= 500 or _code(response) == CostTooHigh.code:
        return UNKNOWN
    return SERVED


def _code(response: Response) -> str:
    """The code of Sluice's error. In Google's form it is in capitals, as the reason of a detail."""
    details = response.error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("domain") == "sluice":
            return str(detail.get("reason")).lower()
    return str(response.error.get("code"))
