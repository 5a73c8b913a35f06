"""GET /v1/models if no single upstream's list is right: several upstreams, aliases, or a key for certain models only.

In all other cases the list is relayed like any answer.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from proxy.access import headers
from proxy.call import Call
from proxy.errors import BadRequest, ProxyError, UpstreamError, UpstreamNotReadable
from proxy.messages import Headers, Reply, read_up_to
from proxy.routing import failover, targets, upstream_stream
from proxy.settings.providers import Provider, candidates
from proxy.upstream import Outgoing, timeouts
from proxy.wire import safe_json, work
from proxy.wire.wildcards import matches

_MAX_BYTES = 16_000_000  # bytes of one upstream's list
_SLICE = 200  # models that take about a millisecond to process
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def applies(call: Call) -> bool:
    """Whether the call asks for a list that Sluice has to build. With the caller's own key it is relayed."""
    caller, route = call.caller, call.route
    if caller is None or route is None or route.path != "models" or call.request.method not in ("GET", "HEAD"):
        return False
    if caller.own_key:
        return False
    held = [provider for provider in call.config.providers if provider.holds]
    return len(held) > 1 or call.config.routes_by_model or bool(caller.grant and caller.grant.models)


async def answer(call: Call) -> Reply:
    """Return the models of all upstreams that the caller's key permits, under the names that callers use.

    An upstream that does not answer is left out, and the log lists it. Raises the last upstream's error if no list
    arrived and the configuration names no models.
    """
    from proxy.endpoints import fan_out  # few calls come here

    await call.request.read(_MAX_BYTES)  # platforms report a disconnect only after the body has been read
    providers = [provider for provider in call.config.providers if provider.holds]
    results = await fan_out.first_pieces(call, [_request_list(call, provider) for provider in providers])
    models: dict[str, dict[str, Any]] = {}
    missing: list[str] = []
    failure: UpstreamError | None = None
    for provider, result in zip(providers, results, strict=True):
        entries: list[Any] = []
        try:
            entries = await _entries(call, result.value)
        except UpstreamError as error:
            failure = error
            missing.append(provider.name)
        await work.run(_add(models, call.config.providers, provider, entries), call.host.clock)
    if len(providers) > 1:  # each overwrote the outcome of the others
        call.outcome.forget_upstream()
    if failure is not None and not models:
        raise failure
    if missing:
        call.outcome.details["models_missing"] = ", ".join(missing)
    body = await work.run(_encode(models, call.allowed_models), call.host.clock)
    return Reply(200, Headers([("content-type", "application/json")]), body)


async def _request_list(call: Call, provider: Provider) -> AsyncGenerator[bytes, None]:
    """Yield one upstream's list as one piece. Azure lists what could be deployed, so it is not asked."""
    if provider.kind == "azure":
        yield b'{"data": []}'
        return
    from proxy.endpoints.fan_out import MAX_SECONDS

    request_headers = headers.upward(Headers([("accept", "application/json")]), call.config, False, True)
    candidates = targets.of_provider(call, provider)
    outgoing = Outgoing(candidates[0], "GET", "models", "", request_headers, b"", timeouts(call.config, MAX_SECONDS))
    reply = await failover.send(call, candidates, outgoing, lambda prepared: upstream_stream.send(call, prepared))
    try:
        yield await read_up_to(reply.body, _MAX_BYTES) or b""
    finally:
        await reply.body.aclose()


async def _entries(call: Call, data: bytes | ProxyError) -> list[Any]:
    """Return the models of a list. Raises UpstreamNotReadable, or `data` if it is an error."""
    if isinstance(data, ProxyError):
        raise data
    with suppress(BadRequest):
        is_bare_list = data.lstrip()[:1] == b"["  # some providers send the list without an object around it
        reading = safe_json.read(b'{"data":%s}' % data if is_bare_list else data)
        entries = (await work.run(reading, call.host.clock)).value.get("data")
        if isinstance(entries, list):
            return entries
    raise UpstreamNotReadable


def _add(
    models: dict[str, dict[str, Any]], providers: tuple[Provider, ...], provider: Provider, entries: list[Any]
) -> work.Slices[None]:
    """Add an upstream's models under callers' names: those that route to it, and those that the configuration names.

    Models that are already listed stay.
    """
    by_id: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            by_id[entry["id"]] = entry
        if number % _SLICE == 0:
            yield _SLICE
    for number, (name, entry) in enumerate(by_id.items(), 1):
        if provider in candidates(providers, name) and not provider.renamed(name):
            models.setdefault(name, entry)
        if number % _SLICE == 0:
            yield _SLICE
    for name, upstream_name in provider.aliases:
        models.setdefault(name, {**_new_entry(provider, name), **by_id.get(upstream_name, {}), "id": name})
    for name in provider.models:
        if "*" not in name and name not in by_id:
            models.setdefault(name, _new_entry(provider, name))


def _encode(models: dict[str, dict[str, Any]], patterns: tuple[str, ...]) -> work.Slices[bytes]:
    """Return the list as JSON, with the models that match a pattern, or all if there are no patterns."""
    pieces, parts = [], _json_parts(models, patterns)
    while batch := list(islice(parts, work.SLICE)):
        pieces.append("".join(batch).encode())
        yield len(batch)
    return b"".join(pieces)


def _json_parts(models: dict[str, dict[str, Any]], patterns: tuple[str, ...]) -> Iterator[str]:
    yield '{"object": "list", "data": ['
    separator = ""
    for name, entry in models.items():
        if not patterns or matches(name, patterns):
            yield separator
            yield from _ENCODER.iterencode(entry)  # in Python, so that even one entry of 16 MB is encoded in slices
            separator = ", "
        else:
            yield ""
    yield "]}"


def _new_entry(provider: Provider, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": provider.name}
