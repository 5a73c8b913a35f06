"""A call whose upstream speaks another protocol than its caller: the request, the answer and the errors in translation.

Stages work on the caller's side of it, except that usage is the upstream's. The translation of one call is made for the
target that it goes to, and made again for the next one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any, cast

from proxy.access import headers as header_rules
from proxy.call import Call, OnUsage
from proxy.errors import BadRequest, UpstreamDisconnected, UpstreamError, UpstreamNotReadable, UpstreamRefused
from proxy.messages import ByteStream, Headers, read_up_to
from proxy.protocols import registry
from proxy.protocols.base import Protocol
from proxy.protocols.members import error_in
from proxy.protocols.translate import errors
from proxy.protocols.translate.chat_providers import provider_at
from proxy.protocols.translate.direction import Asked, Direction, Stream
from proxy.tokens.models import model_of
from proxy.upstream import Outgoing, Target
from proxy.wire import bounded_json
from proxy.wire.json_edit import Document

HEADER = "x-sluice-dropped"
_MAX_BYTES = 16_000_000
# How long Sluice waits for the usage after an answer is complete, and then for the end of the stream: after that, the
# connection can be used again.
_USAGE_SECONDS, _END_SECONDS = 2.0, 0.25
# A prompt's tokens for the start of a message, which shows how full the context is: a token has about four bytes.
_BYTES_PER_TOKEN = 4


class Translation:
    """The translation of one call for one target. Raises BadRequest for a request that has no equal there."""

    def __init__(self, call: Call, target: Target, direction: Direction, document: Document | None) -> None:
        request = None
        if document is not None:  # one that was read strictly has been parsed already
            request = bounded_json.parse(document.data) if document.value is None else document.value
        if not isinstance(request, dict):
            raise BadRequest("The body of this call must be a JSON object: it is translated for the upstream.")
        model = target.model or request.get("model")
        if not isinstance(model, str) or not model:
            raise BadRequest("Name a model in the member `model`.", param="model")
        provider = provider_at(target.base_url)
        translated = direction.request({**request, "model": model}, provider, model_of(model).reasons)
        self._call = call
        self._direction = direction
        self._dropped = translated.dropped
        options = request.get("stream_options")
        self._asked = Asked(
            str(request.get("model")),
            translated.names,
            translated.echo,
            call.id,
            max(1, len(call.body.received) // _BYTES_PER_TOKEN),
            wants_usage=isinstance(options, dict) and options.get("include_usage") is True,
            reruns_incomplete=call.reruns_incomplete,
            cumulative=provider.cumulative,
        )
        self._body = _encoded(translated.request)

    def outgoing(self, outgoing: Outgoing) -> Outgoing:
        """The call as it goes up."""
        headers = header_rules.for_translation(outgoing.headers, self._call.api)
        return outgoing._replace(path=self._direction.path, query="", headers=headers, body=self._body)

    @property
    def protocol(self) -> Protocol:
        """The protocol that the upstream speaks."""
        return registry.get(self._direction.protocol)

    def request_sent(self) -> None:
        """Forget the request, and name what was left out of it for the reply's head and the log."""
        self._body = b""
        if self._dropped:
            names = ",".join(self._dropped)
            self._call.outcome.reply_headers.append((HEADER, names))
            self._call.outcome.details["dropped"] = names

    def refusal(self, error: UpstreamRefused) -> UpstreamRefused:
        """The upstream's error in the caller's form."""
        kept = [(name, value) for name, value in error.headers() if name not in ("content-encoding", "etag")]
        return self._error(error.status, error.error or error.message, kept, error.retry_after)

    async def events(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The upstream's events in the caller's protocol; a whole answer if JSON was labelled as events.

        Raises UpstreamRefused for an error among them, and UpstreamDisconnected for a stream that is cut.
        """
        translated = self._direction.stream(self._asked)
        try:
            async for piece in stream:
                if not self._call.is_sse:
                    yield await self._whole(piece)
                    return
                if events := self._translated(translated, piece):
                    yield events
                if not translated.is_cut:
                    break
            else:
                raise UpstreamDisconnected
            rest = self._rest(translated, stream)
            try:
                async for events in rest:
                    yield events
            finally:
                await rest.aclose()
        finally:
            await stream.aclose()
        if events := translated.end():
            yield events

    async def _rest(self, translated: Stream, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """What follows after the answer is complete: its usage, and the end of the upstream's stream.

        Neither is worth a long wait, and whether the connection fails no longer matters.
        """
        clock = self._call.host.clock
        pump, ends_at = clock.reader(stream), clock.now() + _USAGE_SECONDS
        try:
            while True:
                if translated.ended:
                    ends_at = min(ends_at, clock.now() + _END_SECONDS)
                if (piece := await pump.next(max(0.0, ends_at - clock.now()))) is None:
                    return
                if events := self._translated(translated, piece):
                    yield events
        except UpstreamRefused:
            raise
        except (StopAsyncIteration, UpstreamError):
            return
        finally:
            await pump.aclose()

    def _translated(self, translated: Stream, piece: bytes) -> bytes:
        """The events for a piece of the upstream's stream. Raises UpstreamRefused for an error in it."""
        self._observe(piece)
        events = translated.feed(piece)
        if translated.error is not None:
            raise self._error(errors.stream_status(translated.error), translated.error)
        return events

    async def whole(self, body: ByteStream, start: bytes) -> bytes:
        """A whole answer in the caller's protocol.

        Raises UpstreamRefused if it is an error, and UpstreamNotReadable if it is no answer at all.
        """
        rest = await read_up_to(body, _MAX_BYTES)
        return await self._whole(start + (rest or b""))

    async def _whole(self, data: bytes) -> bytes:
        outcome = self._call.outcome
        self._observe(data)
        answer = await self._call.host.clock.offload(lambda: self._answer(data))
        if answer is None:
            raise UpstreamNotReadable("The upstream's answer is not readable. Try again in a moment.")
        headers = outcome.headers or Headers()
        headers.remove_all(("content-encoding", "etag"))
        headers.set("content-type", "application/json")
        outcome.head_came(outcome.status, headers, len(answer), whole=True)
        return answer

    def _answer(self, data: bytes) -> bytes | None:
        value: Any = bounded_json.parse(data)
        if not isinstance(value, dict):
            return None
        if error := error_in(value):
            raise self._error(errors.stream_status(error), error)
        answer = self._direction.answer(value, self._asked)
        if answer is not None and (error := error_in(answer)):
            raise self._error(errors.stream_status(error), error)
        return None if answer is None else _encoded(answer)

    def _error(
        self, status: int, error: Any, headers: list[tuple[str, str]] | None = None, retry_after: float | None = None
    ) -> UpstreamRefused:
        status, body = self._direction.error(status, error, self._call.id)
        kept = [pair for pair in headers or () if pair[0] != "content-type"]
        kept.append(("content-type", "application/json"))
        return UpstreamRefused(status, kept, json.dumps(body).encode(), body["error"], retry_after)

    def _observe(self, data: bytes) -> None:
        """Have the usage read where it is the upstream's own."""
        on_usage = cast("OnUsage", self._call.plan.on_usage)  # a stage of every such call
        on_usage(self._call, data, self.protocol)


def _encoded(value: dict[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can say
        return json.dumps(value, separators=(",", ":")).encode()
