"""The last words of a stream that could not end by itself, per protocol. Pure.

A client must be able to tell three things apart: a whole answer, a part of one with its reason, and a failure.
`[DONE]` is only ever written behind a part that says that it is one.
"""

from __future__ import annotations

import re
from typing import Any

from proxy.errors import ProxyError
from proxy.wire import sse

_HEAD = ("id", "object", "created", "model")
DONE = b"data: [DONE]\n\n"
_ABSURD = 2**53
# A reason that is there: OpenAI's chunks all carry `"finish_reason":null` until then.
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')


class Progress:
    """What a stream has said so far, as far as its last words need it.

    `choices` is the number of choices that were asked for. Pieces are only parsed until text has been seen, and when
    they hold a finish reason: the rest is remembered as bytes, one piece at a time.
    """

    __slots__ = ("_choices", "_finished", "_first", "_last", "_protocol", "text")

    def __init__(self, protocol: str, choices: int = 1) -> None:
        self._protocol = protocol
        self._choices = choices
        self._finished: set[Any] = set()
        self._first: dict[str, Any] = {}
        self._last = b""
        self.text = False

    def feed(self, piece: bytes) -> None:
        """Take note of one piece of whole events."""
        if b"sequence_number" in piece:  # not a comment, of the upstream's or of ours
            self._last = piece
        if self.text and (self._protocol == "responses" or not _FINISHED.search(piece)):
            return
        for found in sse.objects(piece):
            # Azure's first chunk has no id and no choices: the one that names the stream is wanted.
            if not self._first and (found.get("id") or found.get("response")):
                self._first = found
            if self._protocol == "responses":
                self.text = self.text or str(found.get("type")).endswith(".delta")
                continue
            for choice in _choices(found):
                self.text = self.text or _says_something(choice)
                index = choice.get("index", 0)
                if choice.get("finish_reason") and isinstance(index, int):
                    self._finished.add(index)

    def truncated(self, reason: str) -> bytes | None:
        """The honest end of a part: `reason` is deadline or response_limit. None where only an error event fits."""
        if not self.text or self._protocol == "other":
            return None
        if self._protocol == "responses":
            return self._incomplete(reason)
        mark = {"sluice": {"truncated": reason}}
        said = [
            _event({**self._head(), "choices": [self._closed(index)], **mark})
            for index in range(self._choices)
            if index not in self._finished
        ]
        return b"".join([*said, DONE])

    def filtered(self, message: str, held: bytes) -> bytes:
        """The end in front of what a content filter withheld: `message` in its place. `held` are those events.

        Where nothing has gone out yet, they are what names the stream.
        """
        if not self._first:
            named = next((one for one in sse.objects(held) if one.get("id") or one.get("response")), {})
            self._first = {name: value for name, value in named.items() if name in (*_HEAD, "response")}
            if isinstance(response := named.get("response"), dict):
                from proxy.protocols.texts import without_texts  # few answers are withheld

                self._first["response"] = without_texts(response)
        if self._protocol == "responses":
            return self._withheld(message)
        said = []
        for index in range(self._choices):
            if index not in self._finished:
                choice = {**self._closed(index), "finish_reason": "content_filter"}
                words = {"role": "assistant", "content": message} if not self.text else {"content": message}
                choice.update({"delta": words} if self._protocol == "chat" else {"text": message})
                said.append(sse.event({**self._head(), "choices": [choice]}))
        return b"".join([*said, DONE])

    def failed(self, error: ProxyError) -> bytes:
        """The error event; a client raises on it, and nothing follows it."""
        fields = error.fields()
        if self._protocol == "responses":
            told = {"type": "error", "sequence_number": self._next_number(), **_without_type(fields), "error": fields}
            return _event(told, "error")
        return _event({"error": fields}, "error" if self._protocol == "other" else None)

    def _head(self) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self._protocol == "chat" else "text_completion"
        head = dict(zip(_HEAD, ("", kind, 0, ""), strict=True))
        return {name: self._first.get(name, value) for name, value in head.items()}

    def _closed(self, index: int) -> dict[str, Any]:
        said: dict[str, Any] = {"delta": {}} if self._protocol == "chat" else {"text": ""}
        return {"index": index, **said, "logprobs": None, "finish_reason": "length"}

    def _incomplete(self, reason: str) -> bytes:
        response = self._first.get("response")
        told = {
            "type": "response.incomplete",
            "sequence_number": self._next_number(),
            "response": {
                **(response if isinstance(response, dict) else {}),
                "status": "incomplete",
                # The API knows two reasons; the true one stands beside it.
                "incomplete_details": {"reason": "max_output_tokens"},
                "sluice": {"truncated": reason},
            },
        }
        return _event(told, "response.incomplete")

    def _withheld(self, message: str) -> bytes:
        """The message as one more piece of the text under way, if there is one, and in the response itself."""
        number = self._next_number()
        events = []
        open_texts = [one for one in sse.objects(self._last) if one.get("type") == "response.output_text.delta"]
        if open_texts:
            piece = {name: value for name, value in open_texts[-1].items() if name not in ("obfuscation", "logprobs")}
            piece |= {"delta": message, "logprobs": [], "sequence_number": number}
            events.append(sse.event(piece, "response.output_text.delta"))
            number += 1
        response = self._first.get("response")
        told = {
            "type": "response.incomplete",
            "sequence_number": number,
            "response": {**(response if isinstance(response, dict) else {}), **incomplete(message)},
        }
        return b"".join([*events, sse.event(told, "response.incomplete")])

    def _next_number(self) -> int:
        numbers = [found.get("sequence_number") for found in sse.objects(self._last)]
        # One of thousands of digits, which JSON allows, Python could not write again.
        return max((number for number in numbers if isinstance(number, int) and number < _ABSURD), default=-1) + 1


def _event(value: dict[str, Any], name: str | None = None) -> bytes:
    return sse.event(value, name, "replace")  # last words must come, whatever the upstream's own were


def incomplete(message: str) -> dict[str, Any]:
    """The fields of a response that was withheld: `message` stands in place of what it said."""
    text = {"type": "output_text", "text": message, "annotations": []}
    item = {"type": "message", "id": "msg_withheld", "status": "incomplete", "role": "assistant", "content": [text]}
    return {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": [item]}


def _choices(found: dict[str, Any]) -> list[dict[str, Any]]:
    choices = found.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _says_something(choice: dict[str, Any]) -> bool:
    """Whether anything but the role has come: content, reasoning, a refusal, a tool call, audio."""
    delta = choice.get("delta")
    said = {**delta, "role": None} if isinstance(delta, dict) else {"text": choice.get("text")}
    return any(said.values())


def _without_type(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "type"}
