"""Asking a moderation service over the call's own upstream: JSON there, JSON back, in bounded time and size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from proxy.call import Call
from proxy.errors import UpstreamError
from proxy.moderation.sentences import unfinished
from proxy.moderation.verdict import Failed, Text
from proxy.upstream import Outgoing, Target, Timeouts
from proxy.wire import bounded_json, content_encoding

# A verdict that takes longer than this comes too late for whoever waits for the text.
SECONDS = 10.0
_ANSWER_BYTES = 1_000_000
_NOT_FOR_LOGS = re.compile(r"[^A-Za-z0-9_./-]")


async def ask(call: Call, target: Target, path: str, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """The JSON object that comes back. Raises Failed for anything else."""
    head = [("content-type", "application/json"), ("accept-encoding", "identity"), *headers]
    timeouts = Timeouts(SECONDS, SECONDS, SECONDS)
    try:
        answer = await call.upstream.send(Outgoing(target, "POST", path, "", head, body, timeouts))
        pieces: list[bytes] = []
        try:
            async for piece in answer.body:
                pieces.append(piece)
                if sum(map(len, pieces)) > _ANSWER_BYTES:
                    raise Failed("too_large")
        finally:
            await answer.body.aclose()
    except UpstreamError as error:
        raise Failed(error.code) from None
    if answer.status != 200:
        raise Failed(f"status_{answer.status}")
    try:
        found = bounded_json.loads(
            content_encoding.decoded(b"".join(pieces), content_encoding.encoding(answer.headers), _ANSWER_BYTES)
        )
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Failed("malformed")
    return found


def label(*words: object) -> str:
    """A service's own words, as far as they may stand in a log line."""
    return ":".join(_NOT_FOR_LOGS.sub("", str(word))[:40] for word in words if word)


def pieces(texts: Iterable[Text], most: int) -> Iterator[str]:
    """The texts in pieces of at most so many characters, with nothing lost; blank ones are left out.

    A text that goes on in the middle of a sentence gets that sentence's beginning, which gives it its meaning.
    """
    for text in texts:
        rest, at = unfinished(text.before) + text.new, 0
        while len(rest) - at > most:
            # After a space or a sentence, if there is one near: a word that is cut says nothing.
            near = max(rest.rfind(mark, at + most - most // 10, at + most) for mark in " \n。")
            cut = near + 1 if near > 0 else at + most
            if not rest[at:cut].isspace():
                yield rest[at:cut]
            at = cut
        if rest[at:].strip():
            yield rest[at:]
