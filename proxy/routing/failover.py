"""From one target to the next: which failures move a call on, and which end it.

Only before a byte of an answer has been relayed: whoever calls `send` has nothing of it yet. The last failure is raised
as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

from proxy.call import Call, Retry
from proxy.errors import UpstreamError, UpstreamRefused, UpstreamTimeout, UpstreamUnreachable
from proxy.routing import model_field
from proxy.routing.refusals import may_mind, names
from proxy.settings import regions
from proxy.upstream import Answer, Outgoing, Target
from proxy.wire.path_table import is_inference

Ask = Callable[[Outgoing], Awaitable[Answer]]
# What a refusal's code or type says where the key, or the account behind it, is what the upstream minds.
_OF_THE_KEY = re.compile(
    r"api_?key|access_key|\bkey_|_key\b|quota|balance|billing|credit|account|payment|insufficient", re.IGNORECASE
)
# How long in seconds a target that has failed is asked last by this instance.
_REST_KEY, _REST_RATE, _REST_FAULT, _REST_MOST = 300.0, 20.0, 15.0, 600.0


async def send(call: Call, targets: list[Target], outgoing: Outgoing, ask: Ask) -> Answer:
    """The first answer of `targets` that is none of the failures below. Raises an UpstreamError.

    `ask` sends one call and raises UpstreamRefused for a status of 400 or more.
    """
    waiting = [*targets]
    lesson: Retry | None = None
    while True:
        target = waiting.pop(0)
        call.outcome.go_to(target)
        try:
            answer = await ask(dressed(call, outgoing, target))
            if lesson is not None:
                call.host.learn(lesson.lessons, target.name, lesson.model)
            return answer
        except UpstreamError as error:
            retry = call.plan.retry
            if retry and not retry.used and isinstance(error, UpstreamRefused) and may_mind(error, retry.added):
                retry.used = True
                call.body.document = retry.document
                # Only what the upstream names for certain is remembered, and only if it works without.
                lesson = retry if names(error, retry.added) else None
                waiting.insert(0, target)
                continue
            lesson = None
            rest(call, target, error)
            status = error.status if isinstance(error, UpstreamRefused) else error.code
            call.outcome.attempts.append(f"{target.id} {status}")
            # A body that passes unread is gone once it has been sent.
            if not waiting or outgoing.native is not None or not _moves_on(call, error):
                raise
            if not isinstance(error, UpstreamRefused) or error.status >= 500:
                _put_last(waiting, target.name)  # another key does not mend a host


def _put_last(waiting: list[Target], name: str) -> None:
    waiting.sort(key=lambda other: other.name == name)


def rest(call: Call, target: Target, error: UpstreamError) -> None:
    """Have this instance ask `target` last for a while, after a failure that another call would meet as well."""
    seconds = _REST_FAULT
    if isinstance(error, UpstreamRefused):
        if error.status == 429:
            seconds = min(error.retry_after or _REST_RATE, _REST_MOST)
        elif error.status in (401, 402) or (error.status == 403 and _minds_key(error)):
            seconds = _REST_KEY
        elif error.status < 500:
            return
    call.host.resting[target.id] = call.host.clock.now() + seconds


def _moves_on(call: Call, error: UpstreamError) -> bool:
    """The design's rule. What creates something (a file, a batch) is only asked again where it cannot have been taken.

    402 is what some providers answer where the account behind a key is empty.
    """
    status = error.status if isinstance(error, UpstreamRefused) else None
    if isinstance(error, UpstreamUnreachable) or status in (401, 429):
        return True
    request, route = call.request, call.route
    if route is None or not (is_inference(request.method, route.path) or request.method in ("GET", "HEAD")):
        return False
    if isinstance(error, UpstreamTimeout):
        return call.streamed  # else it may be writing a long answer still
    if isinstance(error, UpstreamRefused) and error.status == 403:
        return _minds_key(error)
    return status is None or status == 402 or status >= 500


def _minds_key(error: UpstreamRefused) -> bool:
    fields = error.fields()
    told = f"{fields['code']} {fields['type']}"
    return fields["code"] != regions.REFUSED and _OF_THE_KEY.search(told) is not None


def dressed(call: Call, outgoing: Outgoing, target: Target) -> Outgoing:
    """The call as `target` wants it: with its name for the model, its limits' names, its headers, its paths."""
    one = target.provider
    path, data, headers = outgoing.path, outgoing.body, outgoing.headers
    document = call.body.document
    if document is not None and call.plan.max_output is not None and call.endpoint is not None:
        from proxy.routing import output_limit

        document = output_limit.limited(document, call.endpoint.limits, target, call.plan.max_output)
    if target.model is not None:
        path = model_field.rename_path(call, path, target.model)
        if call.body.form is not None:
            data = model_field.rename_form(call, target.model)
        elif document is not None:
            document = document.setting({"model": json.dumps(target.model).encode()})
    data = data if document is None else document.data
    if one is not None and one.headers:
        own = {name for name, _ in one.headers}
        headers = [pair for pair in headers if pair[0] not in own] + [*one.headers]
    dressed = replace(outgoing, target=target, path=path, body=data, headers=headers)
    if one is not None and one.kind == "azure":
        from proxy.routing import azure

        return azure.dressed(call, dressed)
    return dressed
