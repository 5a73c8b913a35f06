"""Where a call may go: the upstreams that its model and its caller select, each with a key, in the order to try them.

Targets of equal priority are tried in the order for the call's conversation, and by chance if it belongs to none. A
target that failed recently at this instance comes last for a while.
"""

from __future__ import annotations

from proxy.call import Call
from proxy.errors import NotServed, NoUpstream
from proxy.routing.model_field import requested_model
from proxy.settings import providers
from proxy.settings.apis import AUTHORIZATION, X_API_KEY, Api
from proxy.settings.providers import Provider
from proxy.upstream import Target
from proxy.wire.path_table import is_listing

# Anthropic's OAuth tokens, which Claude Code has after a login; only API keys go into `x-api-key`.
_OAUTH_PREFIX = "sk-ant-oat"


def choose(call: Call) -> list[Target]:
    """Return at least one target. Raises NotServed or NoUpstream if no upstream serves the call's API or its model.

    An upstream that serves the API itself comes before one for which the call has to be translated.
    """
    caller, config = call.caller, call.config
    served_by = serving(call, call.api)
    model: str | None = None
    if config.routes_by_model:
        model = requested_model(call)
    if caller is not None and caller.key is not None:
        # A caller's own key goes to one upstream only: no other one may see it.
        provider = _caller_provider(served_by, model, caller.key, call.api)
        return [of_key(provider, 0, caller.key, model, api_at(provider, call.api))]
    candidates = providers.candidates(served_by, model)
    candidates = [provider for provider in candidates if provider.api(call.api) is not None] or candidates
    targets = _in_order(call, candidates, model, call.api)
    if not targets:
        raise NoUpstream(model)
    return targets


def is_translatable(call: Call) -> bool:
    """Whether the call may go to an upstream that does not serve its API: in translation, or for a list of models."""
    return call.config.translate != "off" and _has_translation(call)


def _has_translation(call: Call) -> bool:
    row = call.endpoint
    can_be = (row is not None and row.translated and row.path == call.path) or is_listing(
        call.request.method, call.path
    )
    return can_be and call.api in providers.TRANSLATED


def api_at(provider: Provider, api: str) -> str:
    """Return the API with which an upstream is called for a call of `api`."""
    return api if provider.api(api) is not None else providers.translated_api(provider, api) or api


def listing(call: Call, provider: Provider) -> list[Target]:
    """Return one upstream's targets for listing its models."""
    caller = call.caller
    if caller is not None and caller.key is not None:
        return [of_key(provider, 0, caller.key, None, provider.listing)]
    return _in_order(call, [provider], None, provider.listing)


def per_provider(call: Call) -> list[Target]:
    """Return one target of each upstream that this caller's calls may go to, for listing its models."""
    caller, configured = call.caller, call.config.providers
    if caller is not None and caller.key is not None:
        return listing(call, _caller_provider(configured, None, caller.key, call.api))[:1]
    return [listing(call, provider)[0] for provider in configured if provider.holds]


def serving(call: Call, api: str) -> tuple[Provider, ...]:
    """Return the upstreams that serve an API, with a key if the server calls with its own. Raises NotServed.

    Those for which the call can be translated count as well.
    """
    configured, found = call.config.providers, call.config.serving(api)
    if call.holds_credential:  # upstreams without keys serve pass-through callers only
        configured = tuple(provider for provider in configured if provider.holds)
        found = tuple(provider for provider in found if provider.holds)
    if len(found) < len(configured) and is_translatable(call):  # the others do not serve it themselves
        # One of these gets what nobody names. A caller's own key may be another one's.
        has_rest = not call.own_key and any(provider.takes_all for provider in found)
        found += tuple(
            provider for provider in providers.translating(configured, api) if not (has_rest and provider.takes_all)
        )
    if not found:
        is_off = call.config.translate == "off" and _has_translation(call)
        raise NotServed(api, could_translate=is_off and bool(providers.translating(configured, api)))
    return found


def _in_order(call: Call, candidates: list[Provider], model: str | None, api: str) -> list[Target]:
    by_priority: dict[int, list[Target]] = {}
    for provider in candidates:
        for position, key in enumerate(provider.credentials):
            by_priority.setdefault(provider.priority, []).append(
                of_key(provider, position, key, model, api_at(provider, api))
            )
    ordered = [target for targets in by_priority.values() for target in targets]
    if len(ordered) > len(by_priority):
        from proxy.routing import order  # only calls with a choice of targets need it

        ordered = [target for targets in by_priority.values() for target in order.ordered(call, targets)]
    resting = call.host.resting
    if len(ordered) > 1 and resting:
        now = call.host.clock.now()
        ordered.sort(key=lambda target: resting.get(target.id, 0.0) > now)
    return ordered


def _caller_provider(configured: tuple[Provider, ...], model: str | None, key: str, api: str) -> Provider:
    """Return the upstream for a caller's own key: the one with its prefix, else the first that the model selects.

    Among several, one that serves the API itself comes first.
    """
    if len(configured) == 1 and configured[0].takes_all and not configured[0].key_prefixes:  # as nearly always
        return configured[0]
    by_key = providers.of_key(configured, key)
    others = [provider for provider in providers.candidates(configured, model) if not provider.key_prefixes]
    if model is None and not others:  # a list of models, or a file: any upstream will do
        others = [provider for provider in configured if not provider.key_prefixes]
    serving = [provider for provider in by_key if model is None or provider.takes_all or provider.names(model)]
    candidates = serving or by_key or others
    if not candidates:
        raise NoUpstream(model)
    return next((provider for provider in candidates if provider.api(api) is not None), candidates[0])


def of_key(provider: Provider, position: int, key: str, model: str | None, api: str) -> Target:
    """Return the target for one key of an upstream, the `position`-th from 0, and one API that it serves."""
    target_id = f"{provider.name}/{position + 1}"
    place = provider.api(api) or Api(provider.base_url)
    header = place.key_header
    if header == X_API_KEY and key.startswith(_OAUTH_PREFIX):
        header = AUTHORIZATION
    return Target(provider.name, place.base_url, key, target_id, provider, provider.renamed(model), header, api)
