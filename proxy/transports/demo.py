"""The embedded demo upstream: model `demo`, without network or key, for trying apps and for tests.

It implements chat completions, completions, responses, embeddings and models like OpenAI, messages like Anthropic and
generateContent like Google (in streams with `alt=sse`), and fails on request:
`demo-error-429` (any status from 400), `demo-cut` (the connection ends halfway), `demo-silent` (silent for a minute).
A token is a word or a CJK character, so that counts can be checked by eye.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from proxy.errors import UpstreamDisconnected
from proxy.host import Clock
from proxy.messages import Headers
from proxy.transports import demo_model
from proxy.transports.demo_answers import CREATED, Chat, Completion, Response
from proxy.upstream import Answer, Outgoing
from proxy.wire import bounded_json

MODELS = ("demo", "demo-cut", "demo-silent", "demo-error-429")
_FORMATS = {"chat/completions": Chat, "completions": Completion, "responses": Response}
_COUNTED = ("embeddings", "messages/count_tokens", "countTokens")
_GOOGLE = re.compile(r"models/([^/:]+):(\w+)")
_ERROR = re.compile(r"demo-error-([45]\d\d)")
FIRST_TOKEN_SECONDS, TOKEN_SECONDS, SILENT_SECONDS = 0.25, 0.04, 60.0


class DemoUpstream:
    """`pace` scales every pause; with 0 it answers at once."""

    def __init__(self, clock: Clock, pace: float = 1.0) -> None:
        self._clock = clock
        self._pace = pace

    async def warm(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""

    async def send(self, outgoing: Outgoing) -> Answer:
        """See upstream.Upstream.send."""
        if outgoing.method == "GET" and outgoing.path.partition("/")[0] == "models":
            return _models(outgoing.path.partition("/")[2])
        path, model, is_stream = _of_google(outgoing)
        answer_type = _FORMATS.get(path) or _native(path)
        if outgoing.method != "POST" or (answer_type is None and path not in _COUNTED):
            return _error(404, f"The demo upstream does not know {outgoing.method} /v1/{outgoing.path}.", "unknown_url")
        try:
            request = bounded_json.loads(outgoing.body)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            return _error(400, "The request body is not a JSON object.", "invalid_json")
        request = {"model": model, **request} if model else request
        model = request.get("model")
        if isinstance(model, str) and (match := _ERROR.fullmatch(model)):
            return _error(int(match[1]), f"The demo upstream fails with {match[1]} because you asked for it.", "demo")
        if model not in MODELS:
            return _error(404, f"The model {model!r} does not exist here. Use 'demo'.", "model_not_found", "model")
        if path == "embeddings":
            return _embeddings(request)
        if answer_type is None:
            from proxy.transports import demo_native

            return _json(200, demo_native.counted(path, request))
        answer = answer_type(request)
        if is_stream or request.get("stream") is True:
            head = Headers([("content-type", "text/event-stream; charset=utf-8"), ("x-request-id", "req_demo")])
            return Answer(200, head, _Body(self._paced(model, answer.stream())))
        await self._think(model)
        await self._clock.sleep(self._pace * TOKEN_SECONDS * sum(map(len, answer.texts)))
        return _json(200, answer.whole())

    async def _think(self, model: str) -> None:
        await self._clock.sleep(self._pace * (SILENT_SECONDS if model == "demo-silent" else FIRST_TOKEN_SECONDS))

    async def _paced(self, model: str, events: list[bytes]) -> AsyncIterator[bytes]:
        await self._think(model)
        for position, event in enumerate(events):
            if model == "demo-cut" and position > len(events) // 2:
                raise UpstreamDisconnected
            yield event
            await self._clock.sleep(self._pace * TOKEN_SECONDS)


def _of_google(outgoing: Outgoing) -> tuple[str, str | None, bool]:
    """The path, the model in it, and whether it asks for a stream; a path of Google's API is that of its method."""
    match = _GOOGLE.fullmatch(outgoing.path)
    if match is None:
        return outgoing.path, None, False
    return match[2].replace("streamGenerateContent", "generateContent"), match[1], match[2].startswith("stream")


def _native(path: str) -> type[Chat] | None:
    """The format of an answer of Anthropic's or Google's API."""
    if path not in ("messages", "generateContent"):
        return None
    from proxy.transports import demo_native

    return demo_native.Message if path == "messages" else demo_native.Candidate


class _Body:
    """A generator as a ByteStream."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        return await self._chunks.__anext__()

    async def aclose(self) -> None:
        await self._chunks.aclose()  # type: ignore[attr-defined]  # always a generator


def _models(name: str) -> Answer:
    models = {model: {"id": model, "object": "model", "created": CREATED, "owned_by": "sluice"} for model in MODELS}
    if not name:
        return _json(200, {"object": "list", "data": list(models.values())})
    if name not in models:
        return _error(404, f"The model {name[:100]!r} does not exist here. Use 'demo'.", "model_not_found", "model")
    return _json(200, models[name])


def _embeddings(request: dict[str, Any]) -> Answer:
    value = request.get("input")
    texts = [str(text) for text in value] if isinstance(value, list) else [str(value)]
    as_base64 = request.get("encoding_format") == "base64"  # the default of the openai SDK
    data = [
        {"object": "embedding", "index": index, "embedding": demo_model.embedding(text, as_base64)}
        for index, text in enumerate(texts)
    ]
    tokens = sum(len(demo_model.tokens(text)) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _json(200, {"object": "list", "data": data, "model": request["model"], "usage": usage})


def _error(status: int, message: str, code: str, param: str | None = None) -> Answer:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    answer = _json(status, {"error": {"message": message, "type": kind, "param": param, "code": code}})
    if status == 429:
        answer.headers.set("retry-after", "1")
    return answer


def _json(status: int, value: dict[str, Any]) -> Answer:
    body = json.dumps(value, ensure_ascii=False).encode()
    head = [("content-type", "application/json"), ("content-length", str(len(body))), ("x-request-id", "req_demo")]
    return Answer(status, Headers(head), _Body(_single(body)))


async def _single(body: bytes) -> AsyncIterator[bytes]:
    yield body
