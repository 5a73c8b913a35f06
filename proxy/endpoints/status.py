"""Sluice's own paths: the console, help, health, metrics, counting tokens, what keys spend. Nothing goes upstream."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator
from typing import Any

from proxy import __version__, request_body, startup
from proxy.access import auth
from proxy.call import Call
from proxy.errors import MethodNotAllowed, ProxyError, UnknownPath
from proxy.messages import Headers, Reply
from proxy.routing import failover, targets
from proxy.settings import regions
from proxy.upstream import Outgoing, Target, Timeouts
from proxy.wire.path_table import INPUT_TOKENS
from proxy.wire.paths import DOCUMENTS, HELLO, HELP, USAGE, Route

MAX_BODY_BYTES = 100_000
_COUNTED = Route("chat/completions", own=False)  # the path whose requests are counted
SHORT_SECONDS = 5.0  # a time-out too short for any real answer; Lambda's and SCF's default is 3


async def answer(call: Call, route: Route) -> Reply:
    """Answer one of Sluice's own paths.

    Raises MethodNotAllowed, UnknownPath, for `?deep=1` the errors of `auth.admit`, and those of `metrics.answer` and
    `report.answer`.
    """
    if route.path == INPUT_TOKENS:
        return await _count_tokens(call)
    if call.request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed
    if route.path == "healthz":
        return _json(200, {"status": "ok"})
    if route.path == HELLO:
        return _json(200, {"message": "hello"})
    if route.path == "readyz":
        return await _ready(call)
    if route.path == USAGE:
        from proxy.endpoints.spending import report  # few calls come here

        return await report.answer(call)
    if route.path == "metrics":
        from proxy.endpoints import metrics  # few calls come here

        return await metrics.answer(call)
    if route.path == HELP:
        from proxy.endpoints.console import help as help_page  # few calls come here

        return help_page.answer(call.request)
    if not call.config.console:
        raise UnknownPath
    if route.path in DOCUMENTS:
        return _document(route.path)
    from proxy.endpoints.console import page  # a function's cold start does not need it

    return Reply(200, Headers(page.headers(call.config)), page.render(call.request, call.config, call.host))


def _document(name: str) -> Reply:
    """One of the documents for language models. Raises UnknownPath in a bundle that has no room for it."""
    from proxy.endpoints.console import page  # few calls come here

    try:
        text = page.read(name)
    except KeyError:
        raise UnknownPath(f"This deployment is without {name}. The project's repository has these documents.") from None
    return Reply(200, Headers([("content-type", "text/plain; charset=utf-8")]), text.encode())


async def _count_tokens(call: Call) -> Reply:
    """Count the tokens and the price of a request without sending it, for callers who may also send it."""
    if call.request.method != "POST":
        raise MethodNotAllowed("Send the chat request to count with POST.")
    caller = auth.admit(call.request.headers, call.config, call.host.clock.wall())
    call.admit(caller)
    auth.check_path(caller, "POST", _COUNTED, call.config)
    await request_body.take(call, "its tokens are counted here")
    call.plan.targets = targets.choose(call)
    from proxy.endpoints import input_tokens  # a function's cold start does not need it

    return _json(200, await input_tokens.answer(call))


async def _ready(call: Call) -> Reply:
    """Report the configuration, which is valid if this code runs, and its warnings. `?deep=1` also checks upstreams."""
    warnings = []
    access = call.config.access_mode
    if access == "closed":
        warnings.append("An upstream key is set but neither PROXY_KEY nor ALLOW_ANONYMOUS=1, so every call is refused.")
    warnings += startup.warnings(call.config)
    limit = call.request.deadline
    if limit is not None and limit <= SHORT_SECONDS:
        warnings.append(f"This function's time-out is {math.ceil(limit)} s; set it to 300.")
    advice = regions.warning(call.host.region, call.config)
    if advice:
        warnings.append(advice)
    report: dict[str, Any] = {
        "status": "ready",
        "version": __version__,
        "platform": call.host.platform,
        "access": access,
        "streams": call.host.capabilities.streams,
        "warnings": warnings,
    }
    status = 200
    if "deep=1" in call.request.query.split("&"):
        checks = await _check_upstreams(call)
        if len(checks) == 1:
            report["upstream"] = checks[0]
        else:
            report["upstreams"] = checks
        if not any(200 <= (check["status"] or 0) < 300 for check in checks):
            status, report["status"] = 503, "upstream_failed"
    return _json(status, report)


async def _check_upstreams(call: Call) -> list[dict[str, Any]]:
    """Request GET /models from every upstream at once, with a key that this caller's calls would use."""
    from proxy.endpoints import fan_out  # few calls come here

    call.admit(auth.admit(call.request.headers, call.config, call.host.clock.wall()))
    await call.request.read(MAX_BODY_BYTES)  # platforms report a disconnect only after the body has been read
    candidates = targets.per_provider(call)
    results = await fan_out.first_pieces(call, [_request_status(call, target) for target in candidates])
    checks = []
    for target, result in zip(candidates, results, strict=True):
        check: dict[str, Any] = {"status": None}
        if isinstance(result.value, ProxyError):
            check["error"] = result.value.message
        else:
            check["status"] = int(result.value)
        checks.append({**check, "name": target.name, "ms": round(result.seconds * 1000)})
    return checks


async def _request_status(call: Call, target: Target) -> AsyncGenerator[bytes, None]:
    """Yield the status of one upstream's answer, in digits."""
    from proxy.endpoints.fan_out import MAX_SECONDS

    headers = [("accept", "application/json"), ("accept-encoding", "identity")]
    limits = Timeouts(MAX_SECONDS, MAX_SECONDS, MAX_SECONDS)
    outgoing = failover.prepare(call, Outgoing(target, "GET", "models", "", headers, b"", limits), target)
    reply = await call.upstream.send(outgoing)
    await reply.body.aclose()
    yield b"%d" % reply.status


def _json(status: int, value: dict[str, Any]) -> Reply:
    # The value may quote the caller, and with that a lone surrogate.
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return Reply(status, Headers([("content-type", "application/json"), ("cache-control", "no-store")]), body)
