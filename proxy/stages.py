"""The features of a call, as one ordered list. relay runs the list and knows no feature by name.

A stage is a module with one function, `apply(call)`. It may read or edit the request, set headers, or raise a
ProxyError to refuse the call; it returns a Wrapper for the answer's stream, or None where it leaves that alone. Stages
run from the top of the list down, and the first one's wrapper is the innermost: the last stage is next to the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

from proxy.call import Call
from proxy.messages import ByteStream, Wrapper
from proxy.moderation import stage as moderation
from proxy.wire.path_table import MESSAGES, RESPONSES

Apply = Callable[[Call], Awaitable[Wrapper | None]]


class Stage(NamedTuple):
    """One feature: its module, imported when a call first needs it, and the calls that do.

    Modules are named in full: bundles follow these names like imports.
    """

    module: str
    wanted: Callable[[Call], bool]


def _has_key_to_guard(call: Call) -> bool:
    return call.holds_credential and call.request.method not in ("GET", "HEAD")


def _has_renamed_model(call: Call) -> bool:
    return call.config.routes_by_model and any(target.model is not None for target in call.plan.targets)


def _has_moderation(call: Call) -> bool:
    if call.config.moderation:
        return True
    document = call.body.document
    return call.protocol.known and document is not None and not document.isdisjoint(moderation.FIELDS)


def _checks_context(call: Call) -> bool:
    document = call.body.document
    asks = call.protocol.has_history and document is not None and "truncation" in document
    return asks or call.config.context_guard != "off"


def _uses_tokens(call: Call) -> bool:
    return call.request.method == "POST"


def _always(_: Call) -> bool:
    return True


def _is_metered(call: Call) -> bool:
    return (bool(call.config.metering) or call.is_counted) and call.protocol.known


def _is_counted(call: Call) -> bool:
    return call.is_counted


def _has_own_thinking(call: Call) -> bool:
    if call.api not in (MESSAGES, RESPONSES):
        return False
    from proxy.routing import own_thinking

    return own_thinking.applies(call)


def _is_assembled(call: Call) -> bool:
    if call.request.deadline is None and call.config.assemble != "always":
        return False
    from proxy.streaming import assemble

    return assemble.applies(call)


STAGES: tuple[Stage, ...] = (
    Stage("proxy.routing.own_thinking", _has_own_thinking),
    Stage("proxy.access.account_references", _has_key_to_guard),
    Stage("proxy.routing.model_allowlist", lambda call: bool(call.allowed_models)),
    Stage("proxy.routing.model_alias", _has_renamed_model),
    Stage("proxy.moderation.stage", _has_moderation),
    Stage("proxy.cost.context_limit", _checks_context),
    Stage("proxy.cost.cost_limit", lambda call: call.has_limits),
    Stage("proxy.cost.usage", _uses_tokens),
    Stage("proxy.streaming.deadline", _always),
    Stage("proxy.cost.metering", _is_metered),
    Stage("proxy.streaming.assemble", _is_assembled),
    # The last one: nothing that comes after a reservation may refuse the call, and its wrapper sees the final figures.
    Stage("proxy.cost.budget", _is_counted),
)
# A body of more bytes than this is copied by an edit for so long that others have their turn after each stage.
_LARGE_BYTES = 1_000_000


async def apply(call: Call) -> list[Wrapper]:
    """Run every stage that the call needs. Raises a ProxyError where one refuses it."""
    wrappers = []
    for stage in STAGES:
        if not stage.wanted(call):
            continue
        before = call.body.document
        wrapper = await _function(stage.module)(call)
        if wrapper is not None:
            wrappers.append(wrapper)
        if call.body.document is not before and len(call.body.received) > _LARGE_BYTES:
            await call.host.clock.sleep(0)
    return wrappers


def wrap(stream: ByteStream, wrappers: list[Wrapper]) -> ByteStream:
    """`stream` in all its wrappers, the first one innermost."""
    for wrapper in wrappers:
        stream = wrapper.wrap(stream)
    return stream


@lru_cache(maxsize=32)
def _function(module: str) -> Apply:
    function: Apply = import_module(module).apply
    return function
