"""A call whose upstream speaks another protocol than its caller: the request, the answer and the errors in translation.

Only Messages to chat completions so far. Stages work on the caller's side of it. The translation of one call is made
for the target that it goes to, and made again for the next one.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from proxy.call import Call
from proxy.errors import UpstreamDisconnected, UpstreamNotReadable, UpstreamRefused
from proxy.messages import ByteStream, Headers, read_up_to
from proxy.protocols import registry
from proxy.protocols.base import Protocol
from proxy.protocols.translate.chat_providers import provider_at
from proxy.protocols.translate.messages_to_chat.answer import to_message
from proxy.protocols.translate.messages_to_chat.errors import translated_error
from proxy.protocols.translate.messages_to_chat.request import to_chat
from proxy.protocols.translate.messages_to_chat.stream import MessagesStream
from proxy.tokens.models import model_of
from proxy.upstream import Outgoing, Target
from proxy.wire import bounded_json
from proxy.wire.json_edit import Document

PATH = "chat/completions"
HEADER = "x-sluice-dropped"
_FOREIGN = "anthropic-"  # headers that go up with every call, and mean nothing to this upstream
_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]{1,200})"')
_MAX_BYTES = 16_000_000
# A prompt's tokens for the start of a message, which shows how full the context is: a token has about four bytes.
_BYTES_PER_TOKEN = 4


class Translation:
    """The translation of one call for one target."""

    def __init__(self, call: Call, target: Target, document: Document) -> None:
        request = document.value or {}
        model = target.model or request.get("model")
        provider = provider_at(target.base_url)
        self._call = call
        self._model = str(request.get("model"))
        chat, self._dropped, self._names = to_chat({**request, "model": model}, provider, model_of(model).reasons)
        body = json.dumps(chat, ensure_ascii=False, separators=(",", ":"))
        self._body = body.encode("utf-8", "surrogatepass")

    def outgoing(self, outgoing: Outgoing) -> Outgoing:
        """The call as it goes up."""
        headers = [pair for pair in outgoing.headers if not pair[0].startswith(_FOREIGN)]
        return replace(outgoing, path=PATH, query="", headers=headers, body=self._body)

    @property
    def protocol(self) -> Protocol:
        """The protocol that the upstream speaks."""
        return registry.get("chat")

    def request_sent(self) -> None:
        """Forget the request, and name what was left out of it for the reply's head and the log."""
        self._body = b""
        if self._dropped:
            names = ",".join(self._dropped)
            self._call.outcome.reply_headers.append((HEADER, names))
            self._call.outcome.details["dropped"] = names

    def refusal(self, error: UpstreamRefused) -> UpstreamRefused:
        """The upstream's error in the caller's form."""
        status, body = translated_error(error.status, error.error or error.message, self._call.id)
        kept = [(name, value) for name, value in error.headers() if name not in ("content-encoding", "etag")]
        headers = [*(pair for pair in kept if pair[0] != "content-type"), ("content-type", "application/json")]
        return UpstreamRefused(status, headers, json.dumps(body).encode(), body["error"], error.retry_after)

    async def events(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The upstream's events in the caller's protocol. Raises UpstreamDisconnected for a stream that is cut."""
        call = self._call
        tokens = max(1, len(call.body.received) // _BYTES_PER_TOKEN)
        translated = MessagesStream(self._model, tokens, self._names, call.id)
        try:
            async for piece in stream:
                self._note_model(piece)
                if events := translated.feed(piece):
                    yield events
        finally:
            await stream.aclose()
        if events := translated.end():
            yield events
        if translated.is_cut:
            raise UpstreamDisconnected

    async def whole(self, body: ByteStream, start: bytes) -> bytes:
        """A whole answer in the caller's protocol. Raises UpstreamNotReadable if it is none."""
        outcome, rest = self._call.outcome, await read_up_to(body, _MAX_BYTES)
        data = start + (rest or b"")
        self._note_model(data)
        answer = await self._call.host.clock.offload(lambda: self._message(data))
        if answer is None:
            raise UpstreamNotReadable("The upstream's answer is not a readable chat completion. Try again in a moment.")
        headers = outcome.headers or Headers()
        headers.remove_all(("content-encoding", "etag"))
        headers.set("content-type", "application/json")
        outcome.head_came(outcome.status, headers, len(answer), whole=True)
        return answer

    def _message(self, data: bytes) -> bytes | None:
        completion: Any = bounded_json.parse(data)
        if not isinstance(completion, dict):
            return None
        message = to_message(completion, self._model, self._names, self._call.id)
        if message is None:
            return None
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def _note_model(self, data: bytes) -> None:
        if self._call.outcome.model is None and (match := _MODEL.search(data[:4_096])):
            self._call.outcome.model = match[1].decode("utf-8", "replace")
