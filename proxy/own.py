"""The pages that are ours and go nowhere: `/`, `/healthz`, `/readyz`, and counting tokens."""

from __future__ import annotations

import json
import math
from typing import Any

from proxy import __version__, auth, intake, regions
from proxy.call import Call
from proxy.errors import MethodNotAllowed, ProxyError, UnknownPath
from proxy.messages import Headers, Reply
from proxy.routes import TALLY, Route
from proxy.upstream import Outgoing, Patience, Upstream, choose_target

DEEP_SECONDS = 10.0  # how long /readyz?deep=1 waits for the upstream
READ_BYTES = 100_000
SHORT_SECONDS = 5.0  # a time-out that no real answer fits into: Lambda's and SCF's default is 3


async def answer(call: Call, route: Route, upstream: Upstream) -> Reply:
    """One of our own pages. Raises MethodNotAllowed, UnknownPath, and for `?deep=1` what `auth.admit` raises."""
    if route.path == TALLY:
        return await _tally(call)
    if call.request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed
    if route.path == "healthz":
        return _json(200, {"status": "ok"})
    if route.path == "readyz":
        return await _ready(call, upstream)
    if not call.config.console:
        raise UnknownPath
    from proxy.console import page  # nothing of it belongs into a function's cold start

    return Reply(200, Headers(page.HEADERS), page.render(call.request, call.config))


async def _tally(call: Call) -> Reply:
    """The tokens and the price of a request that goes nowhere; only for those who may also send it."""
    if call.request.method != "POST":
        raise MethodNotAllowed("Send the chat request that is to be counted, as POST.")
    call.caller = auth.admit(call.request.headers, call.config)
    call.body = await intake.read(call)
    from proxy import tally  # nothing of it belongs into a function's cold start

    return _json(200, tally.answer(call))


async def _ready(call: Call, upstream: Upstream) -> Reply:
    """Whether calls can be answered: configuration is valid if we got here; `?deep=1` also asks the upstream."""
    warnings = []
    access = auth.mode(call.config)
    if access == "closed":
        warnings.append("An upstream key is set but neither PROXY_KEY nor ALLOW_ANONYMOUS=1, so every call is refused.")
    limit = call.request.deadline
    if limit is not None and limit <= SHORT_SECONDS:
        warnings.append(f"This function's time-out is {math.ceil(limit)} s; set it to 300.")
    advice = regions.warning(call.host.region, call.config.openai_base_url)
    if advice and not call.config.demo:
        warnings.append(advice)
    told: dict[str, Any] = {
        "status": "ready",
        "version": __version__,
        "platform": call.host.platform,
        "access": access,
        "streams": call.host.capabilities.streams,
        "warnings": warnings,
    }
    status = 200
    if "deep=1" in call.request.query.split("&"):
        told["upstream"] = await _ask(call, upstream)
        if not 200 <= (told["upstream"]["status"] or 0) < 300:
            status, told["status"] = 503, "upstream_failed"
    return _json(status, told)


async def _ask(call: Call, upstream: Upstream) -> dict[str, Any]:
    """What the upstream says to GET /models with the key that this caller's calls would go up with."""
    call.caller = auth.admit(call.request.headers, call.config)
    await call.request.read(READ_BYTES)  # only behind the body can a caller be seen to leave
    target = choose_target(call.config, call.caller, call.host)
    asked = [("accept", "application/json"), ("accept-encoding", "identity")]
    started = call.host.clock.now()
    waits = Patience(DEEP_SECONDS, DEEP_SECONDS, DEEP_SECONDS)
    found: dict[str, Any] = {"status": None}
    try:
        reply = await upstream.send(Outgoing(target, "GET", "models", "", asked, b"", waits))
        await reply.body.aclose()
        found["status"] = reply.status
    except ProxyError as error:
        found["error"] = error.message
    found["ms"] = round((call.host.clock.now() - started) * 1000)
    return found


def _json(status: int, value: dict[str, Any]) -> Reply:
    # A caller's own words may come back in it, and with them half of a character.
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return Reply(status, Headers([("content-type", "application/json"), ("cache-control", "no-store")]), body)
