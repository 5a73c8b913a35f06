"""The demo model's answers in the format of each API, buffered and streamed. Pure."""

from __future__ import annotations

from typing import Any

from proxy.transports import demo_model
from proxy.wire import sse

CREATED = 1_767_225_600  # 2026-01-01, so that the demo's answers are the same every day


class Chat:
    """A chat completion: `n` choices, or a tool call if the request has tools and does not forbid them."""

    prefix, kind = "chatcmpl", "chat.completion"

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.prompt = demo_model.prompt_of(request)
        self.call = demo_model.tool_call(request)
        text = demo_model.tokens(demo_model.answer_to(self.prompt)) if self.call is None else []
        limit = request.get("max_completion_tokens") or request.get("max_tokens") or request.get("max_output_tokens")
        length = limit if isinstance(limit, int) and limit > 0 else len(text)
        self.is_cut = length < len(text)
        count = request.get("n")
        self.texts = [text[:length]] * (count if isinstance(count, int) and 1 <= count <= 8 else 1)

    @property
    def reason(self) -> str:
        """The finish reason."""
        return "tool_calls" if self.call else "length" if self.is_cut else "stop"

    def usage(self) -> dict[str, int]:
        """The usage, in the demo's own tokens."""
        arguments = demo_model.tokens(self.call["function"]["arguments"]) if self.call else []
        output = sum(map(len, self.texts)) + len(arguments)
        prompt = len(demo_model.tokens(self.prompt))
        return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}

    def head(self, kind: str) -> dict[str, Any]:
        """The first members of every object in this answer."""
        return {"id": f"{self.prefix}-demo", "object": kind, "created": CREATED, "model": self.request["model"]}

    def whole(self) -> dict[str, Any]:
        """The buffered answer."""
        choices = [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "content": "".join(text) if self.call is None else None,
                    "refusal": None,
                    **({"tool_calls": [self.call]} if self.call else {}),
                },
                "logprobs": None,
                "finish_reason": self.reason,
            }
            for index, text in enumerate(self.texts)
        ]
        return {**self.head(self.kind), "choices": choices, "usage": self.usage()}

    def stream(self) -> list[bytes]:
        """The events of the streamed answer."""
        indices = range(len(self.texts))
        deltas: list[tuple[int, dict[str, Any], str | None]] = [
            (index, {"role": "assistant", "content": "" if self.call is None else None}, None) for index in indices
        ]
        if self.call:
            function = self.call["function"]
            first = {**self.call, "index": 0, "function": {"name": function["name"], "arguments": ""}}
            deltas += [(index, {"tool_calls": [first]}, None) for index in indices]
            for token in demo_model.tokens(function["arguments"]):
                delta = {"tool_calls": [{"index": 0, "function": {"arguments": token}}]}
                deltas += [(index, delta, None) for index in indices]
        else:
            deltas += [
                (index, {"content": token}, None)
                for tokens in zip(*self.texts, strict=True)
                for index, token in enumerate(tokens)
            ]
        deltas += [(index, {}, self.reason) for index in indices]
        return self.events([self.choice(*delta) for delta in deltas])

    def choice(self, index: int, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        """One choice of one event."""
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}

    def events(self, choices: list[dict[str, Any]]) -> list[bytes]:
        """One event for each choice, the usage if requested, and the end."""
        head = self.head("chat.completion.chunk" if self.kind == "chat.completion" else self.kind)
        options = self.request.get("stream_options")
        has_usage = isinstance(options, dict) and options.get("include_usage") is True
        usage = {"usage": None} if has_usage else {}
        events = [sse.event({**head, "choices": [choice], **usage}) for choice in choices]
        if has_usage:
            events.append(sse.event({**head, "choices": [], "usage": self.usage()}))
        return [*events, b"data: [DONE]\n\n"]


class Completion(Chat):
    """A legacy completion, which has texts instead of messages."""

    prefix, kind = "cmpl", "text_completion"

    def whole(self) -> dict[str, Any]:
        choices = [self.text_choice(index, "".join(text), self.reason) for index, text in enumerate(self.texts)]
        return {**self.head(self.kind), "choices": choices, "usage": self.usage()}

    def choice(self, index: int, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        return self.text_choice(index, delta.get("content") or "", reason)

    def text_choice(self, index: int, text: str, reason: str | None) -> dict[str, Any]:
        """One choice, of an event or of the buffered answer."""
        return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


class Response(Chat):
    """An answer of the Responses API, text only: one message item with one text part."""

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
            "created_at": CREATED,
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
        """The message item."""
        return {"id": "msg_demo", "type": "message", "status": status, "role": "assistant", "content": content}

    def whole(self) -> dict[str, Any]:
        status = "incomplete" if self.is_cut else "completed"
        return self.response(status, [self.item(status, [_text("".join(self.texts[0]))])])

    def stream(self) -> list[bytes]:
        text = "".join(self.texts[0])
        place = {"item_id": "msg_demo", "output_index": 0, "content_index": 0}
        done = self.whole()
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": self.response("in_progress", [])},
            {"type": "response.output_item.added", "output_index": 0, "item": self.item("in_progress", [])},
            {"type": "response.content_part.added", **place, "part": _text("")},
            *(
                {"type": "response.output_text.delta", **place, "delta": token, "logprobs": []}
                for token in self.texts[0]
            ),
            {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
            {"type": "response.content_part.done", **place, "part": _text(text)},
            {"type": "response.output_item.done", "output_index": 0, "item": done["output"][0]},
            {"type": f"response.{done['status']}", "response": done},
        ]
        return [sse.event({**event, "sequence_number": number}, event["type"]) for number, event in enumerate(events)]


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
