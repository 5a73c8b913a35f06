"""The pages that are ours and go nowhere: `/`, `/healthz`, `/readyz`, and counting tokens."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator
from typing import Any

from proxy import __version__, request_body, startup
from proxy.access import auth
from proxy.call import Call
from proxy.endpoints import models
from proxy.errors import MethodNotAllowed, ProxyError, UnknownPath
from proxy.messages import Headers, Reply
from proxy.routing import failover, targets
from proxy.settings import regions
from proxy.upstream import Outgoing, Target, Timeouts, timed_out
from proxy.wire.path_table import INPUT_TOKENS
from proxy.wire.paths import Route

DEEP_SECONDS = 10.0  # how long /readyz?deep=1 waits for the upstream
READ_BYTES = 100_000
_COUNTED = Route("chat/completions", own=False)  # what a tally is of
SHORT_SECONDS = 5.0  # a time-out that no real answer fits into: Lambda's and SCF's default is 3


async def answer(call: Call, route: Route) -> Reply:
    """One of our own pages. Raises MethodNotAllowed, UnknownPath, and for `?deep=1` what `auth.admit` raises."""
    if route.path == INPUT_TOKENS:
        return await _tally(call)
    if call.request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed
    if route.path == "healthz":
        return _json(200, {"status": "ok"})
    if route.path == "readyz":
        return await _ready(call)
    if not call.config.console:
        raise UnknownPath
    from proxy.endpoints.console import page  # nothing of it belongs into a function's cold start

    return Reply(200, Headers(page.headers()), page.render(call.request, call.config, call.host))


async def _tally(call: Call) -> Reply:
    """The tokens and the price of a request that goes nowhere; only for those who may also send it."""
    if call.request.method != "POST":
        raise MethodNotAllowed("Send the chat request that is to be counted, as POST.")
    call.caller = auth.admit(call.request.headers, call.config, call.host.clock.wall())
    auth.check_path(call.caller, "POST", _COUNTED, call.config)
    await request_body.take(call, "its tokens are counted here")
    call.plan.targets = targets.choose(call)
    from proxy.endpoints import input_tokens  # nothing of it belongs into a function's cold start

    return _json(200, await input_tokens.answer(call))


async def _ready(call: Call) -> Reply:
    """Whether calls can be answered: configuration is valid if we got here; `?deep=1` also asks the upstream."""
    warnings = []
    access = auth.mode(call.config)
    if access == "closed":
        warnings.append("An upstream key is set but neither PROXY_KEY nor ALLOW_ANONYMOUS=1, so every call is refused.")
    warnings += startup.warnings(call.config)
    limit = call.request.deadline
    if limit is not None and limit <= SHORT_SECONDS:
        warnings.append(f"This function's time-out is {math.ceil(limit)} s; set it to 300.")
    advice = regions.warning(call.host.region, call.config)
    if advice:
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
        asked = await _ask(call)
        if len(asked) == 1:
            told["upstream"] = asked[0]
        else:
            told["upstreams"] = asked
        if not any(200 <= (one["status"] or 0) < 300 for one in asked):
            status, told["status"] = 503, "upstream_failed"
    return _json(status, told)


async def _ask(call: Call) -> list[dict[str, Any]]:
    """What each upstream says to GET /models with a key that this caller's calls would go up with; all at once."""
    call.caller = auth.admit(call.request.headers, call.config, call.host.clock.wall())
    await call.request.read(READ_BYTES)  # only behind the body can a caller be seen to leave
    clock = call.host.clock
    started = clock.now()
    until = started + models.seconds_left(call, DEEP_SECONDS)
    pumps = [(target, clock.pump(_status(call, target))) for target in targets.each(call)]
    found = []
    try:
        for target, pump in pumps:
            told: dict[str, Any] = {"status": None}
            try:
                status = await pump.next(max(0.0, until - clock.now()))
                told = {"status": int(status)} if status else {**told, "error": timed_out(DEEP_SECONDS).message}
            except ProxyError as error:
                told["error"] = error.message
            found.append({**told, "name": target.name, "ms": round((clock.now() - started) * 1000)})
    finally:
        for _, pump in pumps:
            await pump.aclose()
    return found


async def _status(call: Call, target: Target) -> AsyncGenerator[bytes, None]:
    """The status of one upstream's answer, in digits."""
    asked = [("accept", "application/json"), ("accept-encoding", "identity")]
    waits = Timeouts(DEEP_SECONDS, DEEP_SECONDS, DEEP_SECONDS)
    made = failover.dressed(call, Outgoing(target, "GET", "models", "", asked, b"", waits), target)
    reply = await call.upstream.send(made)
    await reply.body.aclose()
    yield b"%d" % reply.status


def _json(status: int, value: dict[str, Any]) -> Reply:
    # A caller's own words may come back in it, and with them half of a character.
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return Reply(status, Headers([("content-type", "application/json"), ("cache-control", "no-store")]), body)
