"""What a request weighs before it goes up: its tokens, the model's limits, its price. Shared by those who limit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy import body, nesting, prices
from proxy.call import Call
from proxy.errors import BadRequest
from proxy.prices import Price

if TYPE_CHECKING:
    from proxy.tokens.prompt import Count
    from proxy.upstream import Target

# The fields that say how long an answer may be, per protocol; where two are there, the first is the newer one.
OUTPUT_FIELDS = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
# An image may cost this many tokens (eight tiles of gpt-4o-mini), however few bytes it has; and what stands around
# messages and tools has no bytes in the request.
_IMAGE_TOKENS, _FRAME_TOKENS = 48_169, 256
# What nobody means: JSON may hold numbers of thousands of digits, and what is made of them cannot be written again.
_ABSURD = 1_000_000_000


def request_of(call: Call, why: str) -> dict[str, Any]:
    """The request's JSON. Raises BadRequest, with `why` it must be readable here, where it is no JSON object."""
    try:
        request = nesting.loads(call.body)
    except (ValueError, RecursionError):
        request = None
    # JSON in UTF-16 is read above, and could not be edited.
    if not isinstance(request, dict) or body.members(call.body) is None:
        raise BadRequest(
            f"The request body must be one JSON object in UTF-8, not compressed: {why}.", code="unreadable_body"
        )
    return request


def bound(call: Call) -> int:
    """More tokens than the prompt can have: each token is at least a byte. Costs next to nothing."""
    return len(call.body) + call.body.count(b"image") * _IMAGE_TOKENS + _FRAME_TOKENS


def count(call: Call, request: dict[str, Any]) -> Count:
    """The prompt's tokens, counted once a call. Raises BadRequest for JSON that is nested too deeply."""
    if call.prompt is None:
        from proxy import tokens

        try:
            call.prompt = tokens.count_prompt(request, call.protocol, tokens.budget(call.host.clock.now))
        except RecursionError:
            raise BadRequest("The request's JSON is nested too deeply.", code="unreadable_body") from None
    return call.prompt


def prices_of(call: Call, model: Any) -> list[Price | None]:
    """As `price_of`, for each of the upstreams that the call may yet go to."""
    kinds = {(one.name, one.base_url): one for one in call.targets}
    return [price_of(call, model, one) for one in kinds.values()]


def price_of(call: Call, model: Any, target: Target | None = None) -> Price | None:
    """The entry for `model`, by the name that the caller has for it, at the upstream that the call goes to."""
    if not isinstance(model, str) or call.config.demo:
        return None
    target = target or call.target or call.targets[0]
    theirs = target.provider.renamed(model) if target.provider else None
    return prices.find(theirs or model, target.base_url, call.config.prices_file)


def output_of(request: dict[str, Any], protocol: str) -> int | None:
    """How many tokens the request allows for one answer, or None where it says nothing that can be used."""
    for name in OUTPUT_FIELDS.get(protocol, ()):
        value = request.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _ABSURD:
            return value
    return None


def answers_of(request: dict[str, Any]) -> int:
    """How many answers are generated. Raises BadRequest where the request leaves that open."""
    most = 1
    for name in ("n", "best_of"):
        value = request.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _ABSURD:
            raise BadRequest(f"{name} takes a whole number from 1 on, of a size that can be meant.", param=name)
        most = max(most, value)
    return most
