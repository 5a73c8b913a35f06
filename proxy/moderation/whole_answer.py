"""Whole answers under a content filter: read to their end, checked, and replaced where they are blocked."""

from __future__ import annotations

import json
from typing import Any

from proxy.call import Call
from proxy.errors import BadRequest, ModerationUnavailable
from proxy.messages import ByteStream, Headers
from proxy.moderation.runner import CheckRunner, Decision
from proxy.moderation.verdict import Text
from proxy.protocols import texts
from proxy.protocols.base import TextProtocol
from proxy.wire import content_encoding, safe_json, work

_MAX_BYTES = 16_000_000  # larger than any answer in text
_SLICE_VALUES = 2_000  # values that take a few milliseconds to read


async def check(call: Call, protocol: TextProtocol, runner: CheckRunner, first: bytes, stream: ByteStream) -> bytes:
    """Return the answer that begins with `first`, unchanged or with its blocked choices replaced.

    Raises ModerationUnavailable if it could not be checked, unless MODERATION_ON_ERROR lets it pass.
    """
    pieces, size = [first], len(first)
    async for piece in stream:
        pieces.append(piece)
        size += len(piece)
        if size > _MAX_BYTES:
            _require_pass(runner, runner.unchecked("too_large"))
    body = b"".join(pieces)
    headers = call.outcome.headers or Headers()
    plain = b""
    if size <= _MAX_BYTES:
        # Empty for an encoding that Sluice cannot decode. It did not request one.
        plain = content_encoding.decoded(body, content_encoding.encoding(headers), _MAX_BYTES)
    answer = await _parse(call, plain)
    if body and answer is None:
        _require_pass(runner, runner.unchecked("unreadable_answer"))
    blocked: list[int | None] = []
    for position, choice_texts in (await _choice_texts(call, answer or {})).items():
        decision = await runner.run(choice_texts)
        if decision.action == "block":
            runner.record(decision)
            blocked.append(position)
        else:
            _require_pass(runner, decision)
    if answer is not None and blocked:
        body = json.dumps(protocol.withheld(answer, blocked, call.config.moderation_message)).encode()
        headers.remove("content-encoding")
        headers.remove("etag")  # it identifies what the upstream sent
    if body:
        call.outcome.head_came(call.outcome.status, headers, len(body), whole=True)
    return body


async def _choice_texts(call: Call, answer: dict[str, Any]) -> dict[int | None, list[Text]]:
    """Return the texts of an answer by the positions of their choices, without blocking other calls."""
    by_position: dict[int | None, list[Text]] = {}
    for number, (position, text) in enumerate(texts.of_answer(answer), 1):
        if text.strip():
            by_position.setdefault(position, []).append(Text(text))
        if number % _SLICE_VALUES == 0:
            await call.host.clock.sleep(0)
    return by_position


def _require_pass(runner: CheckRunner, decision: Decision) -> None:
    runner.record(decision)
    if not decision.lets_through:
        raise ModerationUnavailable("answer")


async def _parse(call: Call, data: bytes) -> dict[str, Any] | None:
    """Return the answer as JSON, None if clients could read it differently."""
    try:
        return (await work.run(safe_json.read(data), call.host.clock)).value
    except BadRequest:
        return None
