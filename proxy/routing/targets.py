"""Where a call may go: the upstreams that its model and its caller select, each with a key, in the order to ask them.

No instance knows of the others, so targets of equal rank are put in an order by chance; one that has just failed here
comes last for a while.
"""

from __future__ import annotations

from proxy.call import Call
from proxy.errors import NoUpstream
from proxy.routing.model_field import named
from proxy.settings import providers
from proxy.settings.providers import Provider
from proxy.upstream import Target


def choose(call: Call) -> list[Target]:
    """At least one target. Raises NoUpstream where no upstream is there for the call's model."""
    caller, config = call.caller, call.config
    model: str | None = None
    if config.routes_by_model:
        model = named(call)
    if caller is not None and caller.key is not None:
        # A caller's own key goes to one upstream alone: no other one may learn it.
        return [_target(_of_caller(config.providers, model, caller.key), 0, caller.key, model)]
    # Those that are only there for callers' own keys hide nobody who can answer.
    held = tuple(one for one in config.providers if one.holds)
    found = _in_order(call, providers.candidates(held, model), model)
    if not found:
        raise NoUpstream(model)
    return found


def of_provider(call: Call, one: Provider) -> list[Target]:
    """One upstream's targets, for a call that names no model."""
    return _in_order(call, [one], None)


def each(call: Call) -> list[Target]:
    """One target of each upstream that this caller's calls may go to."""
    caller, known = call.caller, call.config.providers
    if caller is not None and caller.key is not None:
        return [_target(_of_caller(known, None, caller.key), 0, caller.key, None)]
    return [_in_order(call, [one], None)[0] for one in known if one.holds]


def _in_order(call: Call, several: list[Provider], model: str | None) -> list[Target]:
    ranks: dict[int, list[Target]] = {}
    for one in several:
        for position, key in enumerate(one.credentials):
            ranks.setdefault(one.priority, []).append(_target(one, position, key, model))
    found: list[Target] = []
    for targets in ranks.values():
        while targets:
            found.append(targets.pop(call.host.choose(len(targets)) if len(targets) > 1 else 0))
    resting = call.host.resting
    if len(found) > 1 and resting:
        now = call.host.clock.now()
        found.sort(key=lambda target: resting.get(target.id, 0.0) > now)
    return found


def _of_caller(known: tuple[Provider, ...], model: str | None, key: str) -> Provider:
    """The one upstream for a caller's own key: whose keys begin like it, else the first that the model selects."""
    by_key = providers.of_key(known, key)
    others = [one for one in providers.candidates(known, model) if not one.key_prefixes]
    if model is None and not others:  # a list of models, a file: the first one is as good as any
        others = [one for one in known if not one.key_prefixes]
    found = [one for one in by_key if model is None or one.takes_all or one.names(model)] or by_key or others
    if not found:
        raise NoUpstream(model)
    return found[0]


def _target(one: Provider, position: int, key: str, model: str | None) -> Target:
    return Target(one.name, one.base_url, key, f"{one.name}/{position + 1}", one, one.renamed(model))
