"""The embedded demo upstream: model `demo`, no network, no key. For trying apps and for tests.

It speaks chat completions, completions, responses, embeddings and models as OpenAI does, and fails on request:
`demo-error-429` (any status from 400), `demo-cut` (the connection ends half-way), `demo-silent` (a minute of thought).
A token is a word or a CJK character here, so that counts can be checked by eye.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from proxy.errors import UpstreamDisconnected
from proxy.host import Clock
from proxy.messages import Headers
from proxy.transports import demo_words as words
from proxy.upstream import Answer, Outgoing
from proxy.wire import bounded_json, sse

MODELS = ("demo", "demo-cut", "demo-silent", "demo-error-429")
_CREATED = 1_767_225_600  # 2026-01-01: a demo's answers are the same every day
_ERROR = re.compile(r"demo-error-([45]\d\d)")
FIRST_TOKEN_SECONDS, TOKEN_SECONDS, SILENT_SECONDS = 0.25, 0.04, 60.0


class DemoUpstream:
    """`pace` scales every pause; 0 answers at once."""

    def __init__(self, clock: Clock, pace: float = 1.0) -> None:
        self._clock = clock
        self._pace = pace

    async def warm(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""

    async def send(self, outgoing: Outgoing) -> Answer:
        """As upstream.Upstream.send."""
        if outgoing.method == "GET" and outgoing.path.partition("/")[0] == "models":
            return _models(outgoing.path.partition("/")[2])
        speak = {"chat/completions": _Chat, "completions": _Completion, "responses": _Response}.get(outgoing.path)
        if outgoing.method != "POST" or (speak is None and outgoing.path != "embeddings"):
            return _error(404, f"The demo upstream does not know {outgoing.method} /v1/{outgoing.path}.", "unknown_url")
        try:
            request = bounded_json.loads(outgoing.body)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            return _error(400, "The request body is not a JSON object.", "invalid_json")
        model = request.get("model")
        if isinstance(model, str) and (match := _ERROR.fullmatch(model)):
            return _error(int(match[1]), f"The demo upstream fails with {match[1]} because you asked for it.", "demo")
        if model not in MODELS:
            return _error(404, f"The model {model!r} does not exist here; ask for 'demo'.", "model_not_found", "model")
        if speak is None:
            return _embeddings(request)
        answer = speak(request)
        if request.get("stream") is True:
            head = Headers([("content-type", "text/event-stream; charset=utf-8"), ("x-request-id", "req_demo")])
            return Answer(200, head, _Played(self._paced(model, answer.stream())))
        await self._think(model)
        await self._clock.sleep(self._pace * TOKEN_SECONDS * sum(map(len, answer.said)))
        return _json(200, answer.whole())

    async def _think(self, model: str) -> None:
        await self._clock.sleep(self._pace * (SILENT_SECONDS if model == "demo-silent" else FIRST_TOKEN_SECONDS))

    async def _paced(self, model: str, pieces: list[bytes]) -> AsyncIterator[bytes]:
        await self._think(model)
        for position, piece in enumerate(pieces):
            if model == "demo-cut" and position > len(pieces) // 2:
                raise UpstreamDisconnected
            yield piece
            await self._clock.sleep(self._pace * TOKEN_SECONDS)


class _Played:
    """An iterator as a ByteStream."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> _Played:
        return self

    async def __anext__(self) -> bytes:
        return await self._pieces.__anext__()

    async def aclose(self) -> None:
        await self._pieces.aclose()  # type: ignore[attr-defined]  # only generators are played


class _Chat:
    """A chat completion: `n` answers, or a tool call where the request has tools and does not forbid them."""

    prefix, kind = "chatcmpl", "chat.completion"

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.prompt = words.prompt_of(request)
        self.call = words.tool_call(request)
        text = words.tokens(words.answer_to(self.prompt)) if self.call is None else []
        most = request.get("max_completion_tokens") or request.get("max_tokens") or request.get("max_output_tokens")
        limit = most if isinstance(most, int) and most > 0 else len(text)
        self.cut = limit < len(text)
        count = request.get("n")
        self.said = [text[:limit]] * (count if isinstance(count, int) and 1 <= count <= 8 else 1)

    @property
    def reason(self) -> str:
        """Why the answer ends."""
        return "tool_calls" if self.call else "length" if self.cut else "stop"

    def usage(self) -> dict[str, int]:
        """The counts, in the demo's own tokens."""
        spent = sum(map(len, self.said)) + (len(words.tokens(self.call["function"]["arguments"])) if self.call else 0)
        asked = len(words.tokens(self.prompt))
        return {"prompt_tokens": asked, "completion_tokens": spent, "total_tokens": asked + spent}

    def head(self, kind: str) -> dict[str, Any]:
        """What every object of this answer starts with."""
        return {"id": f"{self.prefix}-demo", "object": kind, "created": _CREATED, "model": self.request["model"]}

    def whole(self) -> dict[str, Any]:
        """The buffered answer."""
        choices = [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "content": "".join(said) if self.call is None else None,
                    "refusal": None,
                    **({"tool_calls": [self.call]} if self.call else {}),
                },
                "logprobs": None,
                "finish_reason": self.reason,
            }
            for index, said in enumerate(self.said)
        ]
        return {**self.head(self.kind), "choices": choices, "usage": self.usage()}

    def stream(self) -> list[bytes]:
        """The events of the streamed answer."""
        indices = range(len(self.said))
        deltas: list[tuple[int, dict[str, Any], str | None]] = [
            (index, {"role": "assistant", "content": "" if self.call is None else None}, None) for index in indices
        ]
        if self.call:
            function = self.call["function"]
            first = {**self.call, "index": 0, "function": {"name": function["name"], "arguments": ""}}
            deltas += [(index, {"tool_calls": [first]}, None) for index in indices]
            for part in words.tokens(function["arguments"]):
                more = {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
                deltas += [(index, more, None) for index in indices]
        else:
            deltas += [
                (index, {"content": token}, None)
                for tokens in zip(*self.said, strict=True)
                for index, token in enumerate(tokens)
            ]
        deltas += [(index, {}, self.reason) for index in indices]
        return self.events([self.choice(*delta) for delta in deltas])

    def choice(self, index: int, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        """One choice of one event."""
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}

    def events(self, choices: list[dict[str, Any]]) -> list[bytes]:
        """One event for each choice, the usage where it was asked for, and the end."""
        head = self.head("chat.completion.chunk" if self.kind == "chat.completion" else self.kind)
        options = self.request.get("stream_options")
        counted = isinstance(options, dict) and options.get("include_usage") is True
        also = {"usage": None} if counted else {}
        made = [sse.event({**head, "choices": [choice], **also}) for choice in choices]
        if counted:
            made.append(sse.event({**head, "choices": [], "usage": self.usage()}))
        return [*made, b"data: [DONE]\n\n"]


class _Completion(_Chat):
    """The legacy completion, which has text where a chat has messages."""

    prefix, kind = "cmpl", "text_completion"

    def whole(self) -> dict[str, Any]:
        choices = [self.text_choice(index, "".join(said), self.reason) for index, said in enumerate(self.said)]
        return {**self.head(self.kind), "choices": choices, "usage": self.usage()}

    def choice(self, index: int, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        return self.text_choice(index, delta.get("content") or "", reason)

    def text_choice(self, index: int, text: str, reason: str | None) -> dict[str, Any]:
        """One choice, of an event or of the buffered answer."""
        return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


class _Response(_Chat):
    """The Responses API, text only: one message item with one text part."""

    prefix, kind = "resp", "response"

    def response(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        """The response object in one of its states."""
        usage = self.usage()
        counts = {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        }
        return {
            "id": "resp_demo",
            "object": "response",
            "created_at": _CREATED,
            "status": status,
            "model": self.request["model"],
            "output": output,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None if status == "in_progress" else counts,
        }

    def item(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        """The one message."""
        return {"id": "msg_demo", "type": "message", "status": status, "role": "assistant", "content": content}

    def whole(self) -> dict[str, Any]:
        status = "incomplete" if self.cut else "completed"
        return self.response(status, [self.item(status, [_text("".join(self.said[0]))])])

    def stream(self) -> list[bytes]:
        text = "".join(self.said[0])
        at = {"item_id": "msg_demo", "output_index": 0, "content_index": 0}
        done = self.whole()
        told: list[dict[str, Any]] = [
            {"type": "response.created", "response": self.response("in_progress", [])},
            {"type": "response.output_item.added", "output_index": 0, "item": self.item("in_progress", [])},
            {"type": "response.content_part.added", **at, "part": _text("")},
            *({"type": "response.output_text.delta", **at, "delta": part, "logprobs": []} for part in self.said[0]),
            {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
            {"type": "response.content_part.done", **at, "part": _text(text)},
            {"type": "response.output_item.done", "output_index": 0, "item": done["output"][0]},
            {"type": f"response.{done['status']}", "response": done},
        ]
        return [sse.event({**one, "sequence_number": number}, one["type"]) for number, one in enumerate(told)]


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _models(name: str) -> Answer:
    listed = [{"id": model, "object": "model", "created": _CREATED, "owned_by": "sluice"} for model in MODELS]
    if not name:
        return _json(200, {"object": "list", "data": listed})
    found = [model for model in listed if model["id"] == name]
    return _json(200, found[0]) if found else _error(404, "There is no such model here.", "model_not_found", "model")


def _embeddings(request: dict[str, Any]) -> Answer:
    asked = request.get("input")
    texts = [str(text) for text in asked] if isinstance(asked, list) else [str(asked)]
    as_base64 = request.get("encoding_format") == "base64"  # what the openai SDK asks for
    data = [
        {"object": "embedding", "index": index, "embedding": words.embedding(text, as_base64)}
        for index, text in enumerate(texts)
    ]
    spent = sum(len(words.tokens(text)) for text in texts)
    usage = {"prompt_tokens": spent, "total_tokens": spent}
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
    return Answer(status, Headers(head), _Played(_once(body)))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
