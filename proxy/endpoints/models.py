"""GET /v1/models if no single upstream's list is right: several upstreams, aliases, a key for certain models only.

So are lists in the form of another API than the upstream's, and Codex's.

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
from proxy.endpoints import model_entries
from proxy.errors import BadRequest, ProxyError, UpstreamError, UpstreamNotReadable
from proxy.messages import Headers, Reply, read_up_to
from proxy.routing import failover, targets, upstream_stream
from proxy.settings.providers import Provider, candidates
from proxy.upstream import Outgoing, timeouts
from proxy.wire import safe_json, work
from proxy.wire.path_table import GEMINI_VERSION, OPENAI, RESPONSES
from proxy.wire.wildcards import matches

_MAX_BYTES = 16_000_000  # bytes of one upstream's list
_SLICE = 200  # models that take about a millisecond to process
# Claude Code gives up after 3 seconds (code.claude.com/docs/en/llm-gateway-connect, read 2026-11-26).
_AGENT_SECONDS = 2.5
_PATHS = ("models", f"{GEMINI_VERSION}/models")
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def applies(call: Call) -> bool:
    """Whether the call asks for a list that Sluice has to build: of several upstreams, or in another form than theirs.

    With the caller's own key, only the form counts: such a call goes to one upstream.
    """
    if call.route is None or call.route.path not in _PATHS or call.request.method not in ("GET", "HEAD"):
        return False
    served_by = _served_by(call)
    form = model_entries.form_of(call.request, call.api)
    is_same_form = len(served_by) == 1 and form == served_by[0].listing
    if call.own_key or not is_same_form:
        return not is_same_form
    return call.config.routes_by_model or bool(call.allowed_models)


def _served_by(call: Call) -> tuple[Provider, ...]:
    """Return the upstreams whose models are listed: those that serve the API that the caller speaks."""
    if call.own_key:
        provider = targets.choose(call)[0].provider
        return (provider,) if provider is not None else ()
    is_codex = model_entries.form_of(call.request, call.api) == model_entries.CODEX
    return targets.serving(call, RESPONSES if is_codex else call.api)


async def answer(call: Call) -> Reply:
    """Return the models of all upstreams that the caller's key permits, under the names that callers use.

    An upstream that does not answer is left out, and the log lists it. Raises the last upstream's error if no list
    arrived and the configuration names no models.
    """
    from proxy.endpoints import fan_out  # few calls come here

    await call.request.read(_MAX_BYTES)  # platforms report a disconnect only after the body has been read
    providers = _served_by(call)
    form = model_entries.form_of(call.request, call.api)
    seconds = fan_out.MAX_SECONDS if form == OPENAI else _AGENT_SECONDS
    results = await fan_out.first_pieces(call, [_request_list(call, provider) for provider in providers], seconds)
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
        await work.run(_add(models, call.config.providers, provider, entries, form), call.host.clock)
    if len(providers) > 1:  # each overwrote the outcome of the others
        call.outcome.forget_upstream()
    if failure is not None and not models:
        raise failure
    if missing:
        call.outcome.details["models_missing"] = ", ".join(missing)
    body = await work.run(_encode(models, call.allowed_models, form), call.host.clock)
    return Reply(200, Headers([("content-type", "application/json")]), body)


async def _request_list(call: Call, provider: Provider) -> AsyncGenerator[bytes, None]:
    """Yield one upstream's list as one piece. Azure lists what could be deployed, so it is not asked."""
    if provider.kind == "azure":
        yield b'{"data": []}'
        return
    from proxy.endpoints.fan_out import MAX_SECONDS

    candidates = targets.listing(call, provider)
    own, query = model_entries.request(provider.listing)
    up = headers.upward(Headers([("accept", "application/json"), *own]), call.config, False, True, api=provider.listing)
    outgoing = Outgoing(candidates[0], "GET", "models", query, up, b"", timeouts(call.config, MAX_SECONDS))
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
        value = (await work.run(reading, call.host.clock)).value
        entries = value.get("data", value.get("models"))  # Google's list has the other name
        if isinstance(entries, list):
            return entries
    raise UpstreamNotReadable


def _add(
    models: dict[str, dict[str, Any]],
    providers: tuple[Provider, ...],
    provider: Provider,
    entries: list[Any],
    form: str,
) -> work.Slices[None]:
    """Add an upstream's models under callers' names: those that route to it, and those that the configuration names.

    Models that are already listed stay.
    """
    by_id: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, dict) and (name := model_entries.name_of(entry)) is not None:
            by_id[name] = model_entries.in_form(entry, name, form)
        if number % _SLICE == 0:
            yield _SLICE
    for number, (name, entry) in enumerate(by_id.items(), 1):
        if provider in candidates(providers, name) and not provider.renamed(name):
            models.setdefault(name, entry)
        if number % _SLICE == 0:
            yield _SLICE
    for name, upstream_name in provider.aliases:
        new = {**model_entries.new(provider.name, name, form), **by_id.get(upstream_name, {})}
        models.setdefault(name, model_entries.renamed(new, name, form))
    for name in provider.models:
        if "*" not in name and name not in by_id:
            models.setdefault(name, model_entries.new(provider.name, name, form))


def _encode(models: dict[str, dict[str, Any]], patterns: tuple[str, ...], form: str) -> work.Slices[bytes]:
    """Return the list as JSON, with the models that match a pattern, or all if there are no patterns."""
    pieces, parts = [], _json_parts(models, patterns, form)
    while batch := list(islice(parts, work.SLICE)):
        pieces.append("".join(batch).encode())
        yield len(batch)
    return b"".join(pieces)


def _json_parts(models: dict[str, dict[str, Any]], patterns: tuple[str, ...], form: str) -> Iterator[str]:
    before, after = model_entries.FRAMES[form]
    yield before
    separator = ""
    for name, entry in models.items():
        if not patterns or matches(name, patterns):
            yield separator
            yield from _ENCODER.iterencode(entry)  # in Python, so that even one entry of 16 MB is encoded in slices
            separator = ", "
        else:
            yield ""
    yield after
