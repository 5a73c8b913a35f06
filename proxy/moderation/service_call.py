"""Calling a moderation service through the call's own upstream: JSON in both directions, limited in time and size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from proxy.call import Call
from proxy.errors import UpstreamError
from proxy.messages import read_up_to
from proxy.moderation.sentences import unfinished_sentence
from proxy.moderation.verdict import CheckFailed, Text
from proxy.upstream import Outgoing, Target, Timeouts
from proxy.wire import bounded_json, content_encoding

# A later verdict is too late for a caller who waits for the text.
TIMEOUT_SECONDS = 10.0
_MAX_ANSWER_BYTES = 1_000_000
_NOT_FOR_LOGS = re.compile(r"[^A-Za-z0-9_./-]")


async def post(call: Call, target: Target, path: str, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """Send a request to the service and return the JSON object of its answer. Raises CheckFailed for anything else."""
    request_headers = [("content-type", "application/json"), ("accept-encoding", "identity"), *headers]
    timeouts = Timeouts(TIMEOUT_SECONDS, TIMEOUT_SECONDS, TIMEOUT_SECONDS)
    try:
        answer = await call.upstream.send(Outgoing(target, "POST", path, "", request_headers, body, timeouts))
        try:
            data = await read_up_to(answer.body, _MAX_ANSWER_BYTES)
        finally:
            await answer.body.aclose()
    except UpstreamError as error:
        raise CheckFailed(error.code) from None
    if data is None:
        raise CheckFailed("too_large")
    if answer.status != 200:
        raise CheckFailed(f"status_{answer.status}")
    plain = content_encoding.decoded(data, content_encoding.encoding(answer.headers), _MAX_ANSWER_BYTES)
    value = bounded_json.parse(plain)
    if not isinstance(value, dict):
        raise CheckFailed("malformed")
    return value


def log_label(*parts: object) -> str:
    """Join what a service says into a label without characters that a log line must not have."""
    return ":".join(_NOT_FOR_LOGS.sub("", str(part))[:40] for part in parts if part)


def split_texts(texts: Iterable[Text], max_length: int) -> Iterator[str]:
    """Split the texts into pieces of at most `max_length` characters. Blank pieces are left out, all else is kept.

    A text that continues a sentence is preceded by the beginning of that sentence, which gives it its meaning.
    """
    for text in texts:
        whole, start = unfinished_sentence(text.context) + text.new, 0
        while len(whole) - start > max_length:
            # Prefer an end after a space or a sentence, since a cut word loses its meaning.
            end = start + max_length
            boundary = max(whole.rfind(mark, end - max_length // 10, end) for mark in " \n。")
            cut = boundary + 1 if boundary > 0 else end
            if not whole[start:cut].isspace():
                yield whole[start:cut]
            start = cut
        if whole[start:].strip():
            yield whole[start:]
