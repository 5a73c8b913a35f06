"""The stage that keeps a buffered answer from being lost to a time limit: asked for as a stream, put together here.

A caller who wants one JSON value behind a short limit gets a 504 when the answer takes longer, and pays for it. As a
stream the text so far is there when time is up: it becomes a chat.completion that says that it was cut short.
"""

from __future__ import annotations

import json
from typing import Any

from proxy.call import Call, OnceMore
from proxy.errors import DeadlineReached, ProxyError, UpstreamDisconnected, UpstreamRefused
from proxy.messages import Headers, Stream
from proxy.protocols.accumulate import Completion
from proxy.routing.refusals import REFUSALS, names
from proxy.wire import bounded_json, sse

# With more time than this left an answer is rarely cut off, and bytes pass through untouched (the design's rule).
SHORT_SECONDS = 60.0
_ASKED = ("stream", "stream_options")


def prepare(call: Call) -> None:
    """Ask the upstream for a stream with its usage, where ASSEMBLE says so and the answer can be put together."""
    if not _applies(call):
        return
    values = {"stream": b"true", "stream_options": b'{"include_usage":true}'}
    if call.document is None:
        return
    as_sent, model, host = call.document, _model(call), call.host
    call.once_more = OnceMore(
        as_sent,
        # Those that validate by a framework name the field somewhere in a text or a list of their own.
        lambda refused: refused.status in REFUSALS and (names(refused, _ASKED) or b"stream_options" in refused.body()),
        lambda refused: names(refused, _ASKED),
        lambda target: host.learn(host.no_events, target.name, model),
    )
    call.document, call.wants_events = as_sent.setting(values), True


def wrap(call: Call, stream: Stream) -> Stream:
    """Put the answer together, where it was asked for as a stream on the caller's behalf."""
    return _Assembled(call, stream) if call.wants_events else stream


def _applies(call: Call) -> bool:
    if call.protocol != "chat" or call.streamed or call.config.assemble == "off" or _is_known(call):
        return False
    modalities = call.fields.get("modalities")
    if call.fields.get("audio") is not None or (isinstance(modalities, (list, str)) and "audio" in modalities):
        return False  # sound in pieces is another encoding than sound in one
    if call.config.assemble == "always":
        return True
    return call.request.deadline is not None and call.request.deadline < SHORT_SECONDS


def _is_known(call: Call) -> bool:
    return call.host.knows(call.host.no_events, call.targets[0].name, _model(call))


def _model(call: Call) -> str:
    return str(call.fields.get("model"))


class _Assembled(Stream):
    """One piece: the whole answer. An upstream that answers with JSON all the same is passed through."""

    def __init__(self, call: Call, stream: Stream) -> None:
        self._call = call
        self._stream = stream
        self._done = False
        self._completion = Completion()
        self._ended = False

    async def next(self, seconds: float | None = None) -> bytes | None:
        if self._done:
            raise StopAsyncIteration
        call = self._call
        try:
            while True:
                piece = await self._stream.next(seconds)
                if piece is None or call.is_sse is False:
                    return piece
                self._take(piece)
        except StopAsyncIteration:
            if call.is_sse is False:
                raise
            # A clean end without the last words is what a cut looks like behind some gateways.
            return self._whole(None if self._ended or self._completion.is_finished else UpstreamDisconnected())
        except ProxyError as error:
            return self._whole(error)

    def _take(self, piece: bytes) -> None:
        for _, data in sse.events(piece):
            if data == b"[DONE]":
                self._ended = True
                continue
            try:
                found = bounded_json.loads(data)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                self._completion.add(found)
                if error := found.get("error"):
                    raise _told(error)

    def _whole(self, failure: ProxyError | None) -> bytes:
        """The answer, or as much of it as came before `failure`; raises that where nothing had."""
        call = self._call
        if failure is not None and not self._completion.has_text:
            raise failure
        if not self._completion.has_choices:
            raise UpstreamDisconnected
        answer = self._completion.whole()
        if failure is not None:
            reason = "deadline" if isinstance(failure, DeadlineReached) else "upstream"
            answer["sluice"] = {"truncated": reason}
            call.reply_headers.append(("x-sluice-truncated", reason))
            call.ending = failure.code
        told = _encoded(answer)
        headers = call.headers or Headers()
        headers.set("content-type", "application/json")
        call.head_came(call.status, headers, len(told), whole=True)
        self._done = True
        return told

    async def aclose(self) -> None:
        await self._stream.aclose()


def _told(error: Any) -> UpstreamRefused:
    """An error that came as an event: it gets the status that it names, or 502."""
    fields = error if isinstance(error, dict) else {"message": str(error)}
    told = [fields.get(name) for name in ("status", "status_code", "code")]
    status = next((one for one in told if isinstance(one, int) and 400 <= one < 600), 502)
    head = [("content-type", "application/json; charset=utf-8")]
    return UpstreamRefused(status, head, json.dumps({"error": error}).encode(), fields, None)


def _encoded(answer: dict[str, Any]) -> bytes:
    try:
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a character, as the upstream sent it
        return json.dumps(answer, separators=(",", ":")).encode()
