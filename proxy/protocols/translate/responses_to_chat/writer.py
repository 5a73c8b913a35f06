"""Chunks of a chat stream become the events of a response. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.answer_writer import FILTER, AnswerWriter
from proxy.protocols.translate.chat_deltas import REFUSAL, THINKING
from proxy.protocols.translate.direction import Asked
from proxy.protocols.translate.responses_to_chat.output_items import (
    Item,
    call_item,
    message_item,
    message_part,
    reasoning_item,
    starts_early,
    summary_part,
)
from proxy.protocols.translate.responses_to_chat.tools import CUSTOM, FUNCTION, Tool
from proxy.protocols.translate.responses_to_chat.usage import responses_usage
from proxy.protocols.translate.tool_calls import Call


class ResponseWriter(AnswerWriter):
    """Writes the events of one response."""

    continues_after_cut = True

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked.request_id, asked.cumulative)
        self._asked = asked
        self._sequence = 0
        self._index = -1
        self._id = ""
        self._pieces: list[str] = []  # of the open text
        self._output: list[Item] = []

    def write_start(self) -> None:
        self._write_response("response.created", "in_progress")
        self._write_response("response.in_progress", "in_progress")

    def open_text(self, kind: str) -> None:
        self._pieces = []
        if kind == THINKING:
            self._add_item(reasoning_item(self._begin(), self.seed))
            self._write("reasoning_summary_part.added", summary_index=0, part=summary_part(""))
        else:
            self._add_item(message_item(self._begin()))
            self._write("content_part.added", content_index=0, part=message_part(kind, ""))

    def write_text(self, kind: str, text: str) -> None:
        self._pieces.append(text)
        if kind == THINKING:
            self._write("reasoning_summary_text.delta", summary_index=0, delta=text)
        elif kind == REFUSAL:
            self._write("refusal.delta", content_index=0, delta=text)
        else:
            self._write("output_text.delta", content_index=0, delta=text, logprobs=[])

    def open_call(self, call: Call) -> None:
        tool, place = self._tool(call), self._begin()
        if starts_early(tool):
            self._add_item(call_item(tool, place, call.identifier))

    def write_arguments(self, call: Call, text: str) -> None:
        if self._tool(call).kind == FUNCTION:
            self._write("function_call_arguments.delta", delta=text)

    def close(self, part: str | Call) -> None:
        if isinstance(part, Call):
            self._close_call(part)
        else:
            self._close_text(part, "".join(self._pieces))

    def write_end(self) -> None:
        status = "incomplete" if self.early_end else "completed"
        reason = "content_filter" if self.early_end == FILTER else "max_output_tokens"
        # Codex repeats a call that ends with `response.incomplete`.
        kind = "completed" if self._asked.reruns_incomplete else status
        self._write_response(
            f"response.{kind}",
            status,
            incomplete_details={"reason": reason} if self.early_end else None,
            output=self._output,
            usage=responses_usage(self.usage),
        )

    def _close_text(self, kind: str, text: str) -> None:
        if kind == THINKING:
            self._write("reasoning_summary_text.done", summary_index=0, text=text)
            self._write("reasoning_summary_part.done", summary_index=0, part=summary_part(text))
            self._finish_item(reasoning_item(self._place, self.seed, text))
            return
        part = message_part(kind, text)
        if kind == REFUSAL:
            self._write("refusal.done", content_index=0, refusal=text)
        else:
            self._write("output_text.done", content_index=0, text=text, logprobs=[])
        self._write("content_part.done", content_index=0, part=part)
        self._finish_item(message_item(self._place, part))

    def _close_call(self, call: Call) -> None:
        tool, arguments = self._tool(call), call.arguments or "{}"
        item = call_item(tool, self._place, call.identifier, arguments)
        if not starts_early(tool):
            self._add_item({**item, "status": "in_progress"})
        if tool.kind == CUSTOM:
            self._write("custom_tool_call_input.delta", delta=item["input"])
            self._write("custom_tool_call_input.done", input=item["input"])
        elif item["type"] == "function_call":
            if tool.kind != FUNCTION or not call.arguments:
                self._write("function_call_arguments.delta", delta=arguments)
            self._write("function_call_arguments.done", arguments=arguments, name=tool.name)
        self._finish_item(item)

    def _tool(self, call: Call) -> Tool:
        tool: Tool = self._asked.names.get(call.name) or Tool(FUNCTION, call.name)
        return tool

    def _begin(self) -> str:
        """Begin the next item. Returns its place, with which its id ends."""
        self._index += 1
        return self._place

    @property
    def _place(self) -> str:
        return f"{self.seed}{self._index:02d}"

    def _add_item(self, item: Item) -> None:
        self._id = item["id"]
        self._event("response.output_item.added", output_index=self._index, item=item)

    def _finish_item(self, item: Item) -> None:
        self._output.append(item)
        self._event("response.output_item.done", output_index=self._index, item=item)

    def _write(self, kind: str, **members: Any) -> None:
        """An event within the open item."""
        self._event(f"response.{kind}", item_id=self._id, output_index=self._index, **members)

    def _write_response(self, kind: str, status: str, **members: Any) -> None:
        response = {
            "id": f"resp_{self.seed}",
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self._asked.model,
            **self._asked.echo,
            "output": [],
            "usage": None,
        }
        self._event(kind, response={**response, **members})

    def _event(self, kind: str, **members: Any) -> None:
        self.events.append({"type": kind, "sequence_number": self._sequence, **members})
        self._sequence += 1
