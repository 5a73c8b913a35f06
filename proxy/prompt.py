"""The prompt of a request, as a content filter reads it."""

from __future__ import annotations

from proxy import texts
from proxy.call import Call
from proxy.errors import BadRequest
from proxy.moderation import Checks


def prompt_of(call: Call, checks: Checks) -> str:
    """All that a model would read of what the caller wrote: each text a line of its own.

    Raises BadRequest where that cannot be read, for then it cannot be checked either.
    """
    request = call.document.value if call.document else None
    if request is None:
        raise BadRequest(
            "The request body must be one JSON object: this server checks prompts.", code="unreadable_body"
        )
    # In any spelling: some upstreams, those in Go for one, make no difference between upper and lower case.
    names = fields(call, checks)
    values = [(name, value) for name in names for key, value in request.items() if key.casefold() == name]
    for name, value in values:
        if name == "prompt" and texts.has_tokens(value):
            raise BadRequest(
                "The prompt is made of token numbers, and this server checks prompts. Send it as text.",
                code="unreadable_prompt",
                param=name,
            )
    found_texts = (one for name, value in values for one in texts.strings(value, name, in_prompt=True))
    return "\n".join(texts.readable(*one) for one in found_texts)


def fields(call: Call, checks: Checks) -> tuple[str, ...]:
    """The names of the request's members that hold its prompt; the first is the one that an error names."""
    return texts.prompt_fields(checks.kind, call.route.path if call.route else "")
