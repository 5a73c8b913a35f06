"""Failover from one target to the next: which failures move a call on, and which end it.

It runs only before a byte of an answer has been relayed. The last failure is raised unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from proxy.call import Call, Retry
from proxy.errors import BadRequest, UpstreamError, UpstreamRefused, UpstreamTimeout, UpstreamUnreachable
from proxy.routing import model_field, over_responses, own_thinking
from proxy.routing.over_responses import Demand
from proxy.routing.refusals import may_concern, names_field
from proxy.upstream import Answer, Outgoing, Target
from proxy.wire.json_edit import Document
from proxy.wire.path_table import GEMINI, GEMINI_VERSION, is_inference

if TYPE_CHECKING:
    from proxy.routing.translation import Translation


class Translating:
    """The translation of the call for the target that it went to last; None if that speaks the caller's protocol."""

    def __init__(self) -> None:
        self.translation: Translation | None = None


Send = Callable[[Outgoing], Awaitable[Answer]]
# How long in seconds this instance tries a failed target last: after a refused key, a rate limit (by default), and a
# fault; and the longest `Retry-After` that counts.
_KEY_REST, _RATE_LIMIT_REST, _FAULT_REST, _MAX_REST = 300.0, 20.0, 15.0, 600.0


async def send(call: Call, targets: list[Target], outgoing: Outgoing, attempt: Send) -> Answer:
    """Return the first answer of `targets` that is not a failure.

    `attempt` sends one call and raises UpstreamRefused for a status of 400 or more. Raises the last UpstreamError, or
    BadRequest if no target has an equal for the request.
    """
    remaining = [*targets]
    lesson: Retry | None = None
    demand: Demand | None = None
    failure: UpstreamError | None = None
    while True:
        target = remaining.pop(0)
        if demand is None:
            target = over_responses.known(call, target) or target
        try:
            translation = await _translate(call, target)
        except BadRequest as refusal:
            # Another target may take what this one has no equal for.
            call.outcome.attempts.append(f"{target.id} {refusal.code}")
            if demand is None and remaining:
                continue
            raise (None if demand else failure) or refusal from None
        call.outcome.go_to(target)
        try:
            answer = await attempt(await _prepared(call, outgoing, target, translation))
            if lesson is not None:
                call.host.learn(lesson.lessons, target.name, lesson.model)
            if demand is not None:
                demand.learn(call)
            return answer
        except UpstreamError as error:
            if demand is not None and over_responses.is_missing(error):
                call.state(Translating).translation = demand.translation
                raise demand.error from None
            demand = over_responses.demanded(call, target, error, translation)
            if demand is not None:
                remaining.insert(0, demand.target)
                continue
            retry = call.plan.retry
            if retry and not retry.used and isinstance(error, UpstreamRefused) and may_concern(error, retry.added):
                retry.used = True
                call.body.document = retry.document
                # Remember only a member that the upstream names for certain, and only if the retry succeeds.
                lesson = retry if names_field(error, retry.added) else None
                remaining.insert(0, target)
                continue
            lesson, failure = None, error
            rest(call, target, error)
            status = error.status if isinstance(error, UpstreamRefused) else error.code
            call.outcome.attempts.append(f"{target.id} {status}")
            # A native body passes unread, so it cannot be sent twice.
            if not remaining or outgoing.native is not None or not _moves_on(call, error):
                raise
            if not isinstance(error, UpstreamRefused) or (error.status >= 500 and not _concerns_key(call, error)):
                _put_last(remaining, target.name)  # another key does not fix a failing host


def _put_last(targets: list[Target], name: str) -> None:
    targets.sort(key=lambda target: target.name == name)


def rest(call: Call, target: Target, error: UpstreamError) -> None:
    """Have this instance try `target` last for a while, after a failure that other calls would meet as well."""
    seconds = _FAULT_REST
    if isinstance(error, UpstreamRefused):
        if error.status == 429:
            default = _KEY_REST if _concerns_key(call, error) else _RATE_LIMIT_REST
            seconds = min(error.retry_after or default, _MAX_REST)
        elif _concerns_key(call, error):
            seconds = _KEY_REST
        elif error.status < 500:
            return
    call.host.resting[target.id] = call.host.clock.now() + seconds


def _moves_on(call: Call, error: UpstreamError) -> bool:
    """Whether the next target is tried after this error, by the rules of docs/upstreams.md.

    A call that creates something (a file, a batch) is sent again only if the upstream cannot have accepted it.
    """
    status = error.status if isinstance(error, UpstreamRefused) else None
    if isinstance(error, UpstreamUnreachable) or status in (401, 429):
        return True
    request, route = call.request, call.route
    if route is None or not (is_inference(request.method, route.path) or request.method in ("GET", "HEAD")):
        return False
    if isinstance(error, UpstreamTimeout):
        return call.streamed  # otherwise the upstream may still be generating a long answer
    if isinstance(error, UpstreamRefused):
        return error.status >= 500 or _concerns_key(call, error)
    return True


def _concerns_key(call: Call, error: UpstreamRefused) -> bool:
    from proxy.routing import key_refusals  # few calls are refused

    return key_refusals.concerns_key(call, error)


async def _translate(call: Call, target: Target) -> Translation | None:
    """Translate the request without blocking other calls. None if the target speaks the caller's protocol."""
    if target.api == call.api or call.endpoint is None:
        return None
    from proxy.protocols.translate import directions  # few calls are translated
    from proxy.routing.translation import Translation

    direction, document = directions.find(call.api, target.api), _limited(call, target)
    return await call.host.clock.offload(lambda: Translation(call, target, direction, document))


async def _prepared(call: Call, outgoing: Outgoing, target: Target, translation: Translation | None) -> Outgoing:
    """Return the call for `target`, without what only a translation can use."""
    prepared = prepare(call, outgoing, target, translation)
    if translation is not None or not own_thinking.has_details(call, prepared):
        return prepared
    return await own_thinking.without_details(call, prepared)


def prepare(call: Call, outgoing: Outgoing, target: Target, translation: Translation | None = None) -> Outgoing:
    """Return the call for `target`: in translation, or with its name for the model, its limit fields and its paths."""
    provider = target.provider
    call.state(Translating).translation = translation
    call.outcome.is_translated = translation is not None
    if translation is None:
        prepared = _in_own_words(call, outgoing, target)
    else:
        prepared = translation.outgoing(outgoing)._replace(target=target)
    if provider is not None and provider.headers:
        configured = {name for name, _ in provider.headers}
        headers = [pair for pair in prepared.headers if pair[0] not in configured] + [*provider.headers]
        prepared = prepared._replace(headers=headers)
    if provider is not None and provider.kind == "azure" and target.base_url == provider.base_url:
        from proxy.routing import azure

        return azure.prepare(call, prepared)
    return prepared


def _in_own_words(call: Call, outgoing: Outgoing, target: Target) -> Outgoing:
    """Return the call for a target that speaks the caller's protocol."""
    path, data, document = outgoing.path, outgoing.body, _limited(call, target)
    if target.model is not None:
        path = model_field.rename_path(call, path, target.model)
        if call.body.form is not None:
            data = model_field.rename_form(call, target.model)
        elif document is not None and call.api != GEMINI:
            document = document.setting({"model": json.dumps(target.model).encode()})
    if call.api == GEMINI:
        path = path.removeprefix(f"{GEMINI_VERSION}/")  # the target's address has it
    data = data if document is None else document.data
    if target is outgoing.target and path is outgoing.path and data is outgoing.body:  # as nearly always
        return outgoing
    return outgoing._replace(target=target, path=path, body=data)


def _limited(call: Call, target: Target) -> Document | None:
    """Return the request's JSON with the output limit in the target's words."""
    document = call.body.document
    if document is None or call.plan.max_output is None or call.endpoint is None:
        return document
    from proxy.routing import output_limit

    return output_limit.apply(document, call.endpoint.limits, target, call.plan.max_output)
