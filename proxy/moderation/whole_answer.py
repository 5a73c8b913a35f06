"""Whole answers behind a content filter: read to their end, checked, and replaced where they must not get out."""

from __future__ import annotations

import json
from typing import Any

from proxy.call import Call
from proxy.errors import BadRequest, ModerationUnavailable
from proxy.messages import ByteStream, Headers
from proxy.moderation.checks import Checks
from proxy.moderation.runner import Panel
from proxy.moderation.verdict import Text
from proxy.protocols import texts
from proxy.wire import content_encoding, safe_json, work

_MOST_BYTES = 16_000_000  # more than any answer in text
_NODES = 2_000  # values that are looked at in a few milliseconds


async def checked(call: Call, checks: Checks, panel: Panel, first: bytes, stream: ByteStream) -> bytes:
    """The answer that begins with `first`: as it came, or with what is withheld replaced.

    Raises ModerationUnavailable where it could not be checked, and that is not to pass.
    """
    pieces, size = [first], len(first)
    async for piece in stream:
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_BYTES:
            _must_pass(panel, panel.unseen("too_large"))
    body = b"".join(pieces)
    headers = call.outcome.headers or Headers()
    # An encoding that cannot be opened here was not asked for; an upstream that uses it all the same is not understood.
    plain = (
        content_encoding.decoded(body, content_encoding.encoding(headers), _MOST_BYTES) if size <= _MOST_BYTES else b""
    )
    answer = await _object(call, plain)
    if body and answer is None:
        _must_pass(panel, panel.unseen("unreadable_answer"))
    withheld: list[int | None] = []
    for position, said in (await _said(call, answer or {})).items():
        outcome = await panel.judge(said)
        if outcome.says == "block":
            panel.apply(outcome)
            withheld.append(position)
        else:
            _must_pass(panel, outcome)
    if answer is not None and withheld:
        body = json.dumps(checks.protocol.withheld(answer, withheld, call.config.moderation_message)).encode()
        headers.remove("content-encoding")
        headers.remove("etag")  # it names what the upstream sent
    if body:
        call.outcome.head_came(call.outcome.status, headers, len(body), whole=True)
    return body


async def _said(call: Call, answer: dict[str, Any]) -> dict[int | None, list[Text]]:
    """The texts of an answer by the positions of their choices; lets others' calls go on meanwhile."""
    found: dict[int | None, list[Text]] = {}
    for number, (position, text) in enumerate(texts.of_answer(answer), 1):
        if text.strip():
            found.setdefault(position, []).append(Text(text))
        if number % _NODES == 0:
            await call.host.clock.sleep(0)
    return found


def _must_pass(panel: Panel, outcome: Any) -> None:
    panel.apply(outcome)
    if not outcome.lets_through:
        raise ModerationUnavailable("answer")


async def _object(call: Call, data: bytes) -> dict[str, Any] | None:
    """The answer, if every client reads the same in it."""
    try:
        return (await work.run(safe_json.read(data), call.host.clock)).value
    except BadRequest:
        return None
