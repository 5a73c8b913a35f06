"""The stage that reads the model and the token counts out of an answer, for the log. It changes nothing."""

from __future__ import annotations

import json
import re
from typing import Any

from proxy.call import Call, media_type
from proxy.messages import Stream
from proxy.wire import bounded_json, content_encoding

# The text of an answer cannot look like this: in it every quotation mark has a backslash before it.
_USAGE = b'"usage"'
_DECODER = json.JSONDecoder()
_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]{1,200})"')
_WHOLE_BYTES = 1_000_000
_HEAD_BYTES = 4_096
# So often a body or a piece is searched for an object that can be read: an upstream may repeat the word without end.
_LOOKS = 8
_ABSURD = 1_000_000_000_000


def prepare(call: Call) -> None:
    """Nothing to do."""


def wrap(call: Call, stream: Stream) -> Stream:
    """Watch calls that use tokens."""
    return _Watched(call, stream) if call.request.method == "POST" else stream


class _Watched(Stream):
    def __init__(self, call: Call, stream: Stream) -> None:
        self._call = call
        self._stream = stream
        self._kept: list[bytes] = []
        self._size = 0

    @property
    def native(self) -> Any:
        return self._stream.native  # a figure for the log is not worth a stream's way through Python

    async def next(self, seconds: float | None = None) -> bytes | None:
        try:
            piece = await self._stream.next(seconds)
        except StopAsyncIteration:
            self._look_at_whole()
            raise
        if piece:
            if self._call.is_sse:
                note(self._call.record, piece)
            elif self._size <= _WHOLE_BYTES:
                self._keep(piece)
        return piece

    def _keep(self, piece: bytes) -> None:
        """Keep a JSON body up to 1 MB: its usage may stand at either end, and it may be compressed."""
        if self._call.headers is not None and media_type(self._call.headers) == "application/json":
            self._size += len(piece)
            self._kept.append(piece)
            if self._size > _WHOLE_BYTES:
                self._kept.clear()

    def _look_at_whole(self) -> None:
        whole, self._kept = b"".join(self._kept), []
        if whole and self._call.headers is not None:
            note(
                self._call.record,
                content_encoding.plain(whole, content_encoding.encoding(self._call.headers), 4 * _WHOLE_BYTES),
            )

    async def aclose(self) -> None:
        await self._stream.aclose()


def note(record: dict[str, Any], piece: bytes) -> None:
    """Write the answer's model and usage into the log record, if `piece` tells them."""
    if "gen_ai.response.model" not in record and (match := _MODEL.search(piece[:_HEAD_BYTES])):
        record["gen_ai.response.model"] = match[1].decode("utf-8", "replace")
    if _USAGE in piece:
        usage = find_usage(piece)
        for name, paths in _FIELDS.items():
            for path in paths:
                count = _at(usage, path)
                if count or (count is not None and name not in _RARE):
                    record[name] = count
                    break


# OpenTelemetry's GenAI names (opentelemetry.io/docs/specs/semconv/gen-ai, read 2026-11-23), and where the chat API,
# the Responses API and their relatives put the counts.
_FIELDS = {
    "gen_ai.usage.input_tokens": (("prompt_tokens",), ("input_tokens",)),
    "gen_ai.usage.output_tokens": (("completion_tokens",), ("output_tokens",)),
    "gen_ai.usage.cache_read.input_tokens": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("prompt_cache_hit_tokens",),
    ),
    "gen_ai.usage.reasoning.output_tokens": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
    ),
    "audio_input_tokens": (("prompt_tokens_details", "audio_tokens"),),
    "audio_output_tokens": (("completion_tokens_details", "audio_tokens"),),
}
_RARE = ("audio_input_tokens", "audio_output_tokens")  # nearly always 0, and then not worth a place in the line


def find_usage(data: bytes) -> dict[str, Any]:
    """The last `usage` object in a body or in a piece of a stream, or an empty one."""
    at = len(data)
    for _ in range(_LOOKS):
        if (at := data.rfind(_USAGE, 0, at)) < 0:
            break
        text = data[at + len(_USAGE) : at + len(_USAGE) + _HEAD_BYTES].lstrip()
        if not text.startswith(b":"):
            continue
        try:
            told = text[1:].lstrip().decode("utf-8", "ignore")
            bounded_json.check(told)
            value, _ = _DECODER.raw_decode(told)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return {}


def _at(usage: Any, path: tuple[str, ...]) -> int | None:
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    # Prices are reckoned with it, so it must be a number of tokens.
    return usage if isinstance(usage, int) and not isinstance(usage, bool) and 0 <= usage < _ABSURD else None
