"""GET /v1/models where one upstream's own list is not the truth: several upstreams, other names, a key for some models.

Everywhere else the list is relayed like any answer.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from proxy.access import headers
from proxy.call import Call
from proxy.errors import BadRequest, UpstreamError, UpstreamNotReadable
from proxy.host import Pump
from proxy.messages import Headers, Reply
from proxy.routing import failover, targets, upstream_stream
from proxy.settings.providers import Provider, candidates
from proxy.upstream import Outgoing, timed_out, timeouts
from proxy.wire import safe_json, work
from proxy.wire.wildcards import matches

_MOST = 16_000_000  # bytes of one upstream's list
SECONDS = 10.0  # how long all of them together may take to send theirs
_AT_ONCE = 200  # models that are looked at in about a millisecond
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def applies(call: Call) -> bool:
    """Whether the call asks for a list that has to be made here. A caller's own key sees its upstream's own list."""
    caller, route = call.caller, call.route
    if caller is None or route is None or route.path != "models" or call.request.method not in ("GET", "HEAD"):
        return False
    if caller.own_key:
        return False
    held = [one for one in call.config.providers if one.holds]
    return len(held) > 1 or call.config.routes_by_model or bool(caller.grant and caller.grant.models)


async def answer(call: Call) -> Reply:
    """All upstreams' models by the names that callers use, asked for at once, without those that a key is not for.

    An upstream that does not answer is left out, and the log says so; the last one's error is raised where no list has
    come and nothing is known without one.
    """
    await call.request.read(_MOST)  # only behind the body can a caller be seen to leave
    pumps = [
        (one, None if one.kind == "azure" else call.host.clock.pump(_ask(call, one)))
        for one in call.config.providers
        if one.holds
    ]
    listed: dict[str, dict[str, Any]] = {}
    missing: list[str] = []
    failure: UpstreamError | None = None
    until = seconds_left(call, SECONDS) + call.host.clock.now()
    try:
        for one, pump in pumps:
            entries: list[Any] = []
            try:
                # Azure lists what could be deployed, not what is.
                entries = [] if pump is None else await _entries(call, await _within(call, pump, until))
            except UpstreamError as error:
                failure = error
                missing.append(one.name)
            await work.run(_add(listed, call.config.providers, one, entries), call.host.clock)
    finally:
        for _, pump in pumps:
            if pump is not None:
                await pump.aclose()
    if len(pumps) > 1:  # they wrote over one another's
        call.outcome.forget_upstream()
    if failure is not None and not listed:
        raise failure
    if missing:
        call.outcome.details["models_missing"] = ", ".join(missing)
    told = await work.run(_told(listed, call.allowed_models), call.host.clock)
    return Reply(200, Headers([("content-type", "application/json")]), told)


def seconds_left(call: Call, most: float) -> float:
    """How long several upstreams together may take: `most` seconds, or what the platform leaves."""
    now = call.host.clock.now()
    return max(0.0, min(most, (call.ends_at or now + most) - now))


async def _within(call: Call, pump: Pump, until: float) -> bytes:
    piece = await pump.next(max(0.0, until - call.host.clock.now()))
    if piece is None:
        raise timed_out(SECONDS)
    return piece


async def _ask(call: Call, one: Provider) -> AsyncGenerator[bytes, None]:
    """One upstream's list, as one piece."""
    asked = headers.upward(Headers([("accept", "application/json")]), call.config, False, True)
    found = targets.of_provider(call, one)
    waits = timeouts(call.config, SECONDS)
    outgoing = Outgoing(found[0], "GET", "models", "", asked, b"", waits)
    reply = await failover.send(call, found, outgoing, lambda made: upstream_stream.send(call, made))
    try:
        yield await upstream_stream.read_at_most(reply.body, _MOST)
    finally:
        await reply.body.aclose()


async def _entries(call: Call, data: bytes) -> list[Any]:
    """The models of a list. Raises UpstreamNotReadable."""
    with suppress(BadRequest):
        plain = data.lstrip()[:1] == b"["  # some providers send the list alone
        read = safe_json.read(b'{"data":%s}' % data if plain else data)
        found = (await work.run(read, call.host.clock)).value.get("data")
        if isinstance(found, list):
            return found
    raise UpstreamNotReadable


def _add(
    listed: dict[str, dict[str, Any]], everybody: tuple[Provider, ...], one: Provider, entries: list[Any]
) -> work.Slices[None]:
    """Add an upstream's models by callers' names: those that a call of that name would reach, and what the
    configuration spells. What is listed already stays.
    """
    known: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            known[entry["id"]] = entry
        if number % _AT_ONCE == 0:
            yield _AT_ONCE
    for number, (name, entry) in enumerate(known.items(), 1):
        if one in candidates(everybody, name) and not one.renamed(name):
            listed.setdefault(name, entry)
        if number % _AT_ONCE == 0:
            yield _AT_ONCE
    for name, other in one.aliases:
        listed.setdefault(name, {**_made(one, name), **known.get(other, {}), "id": name})
    for name in one.models:
        if "*" not in name and name not in known:
            listed.setdefault(name, _made(one, name))


def _told(listed: dict[str, dict[str, Any]], models: tuple[str, ...]) -> work.Slices[bytes]:
    """The list as JSON, with the models that match, or all where there is nothing to match."""
    pieces, parts = [], _parts(listed, models)
    while some := list(islice(parts, work.SLICE)):
        pieces.append("".join(some).encode())
        yield len(some)
    return b"".join(pieces)


def _parts(listed: dict[str, dict[str, Any]], models: tuple[str, ...]) -> Iterator[str]:
    yield '{"object": "list", "data": ['
    mark = ""
    for name, entry in listed.items():
        if not models or matches(name, models):
            yield mark
            yield from _ENCODER.iterencode(entry)  # in Python, so that even one entry of 16 MB is written in slices
            mark = ", "
        else:
            yield ""
    yield "]}"


def _made(one: Provider, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": one.name}
