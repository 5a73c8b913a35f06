"""A whole response as a chat completion. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.accumulate import ChunkAccumulator
from proxy.protocols.members import error_in
from proxy.protocols.translate.chat_to_responses.writer import ChatWriter

_UNFINISHED = ("queued", "in_progress")


def to_completion(response: dict[str, Any], model: str, request_id: str = "") -> dict[str, Any] | None:
    """The completion, which says what a stream with the same content would say; None if `response` is none.

    For a response that failed, an object with its `error` alone, as OpenAI sends it.
    """
    if error := error_in(response):
        return _failure(error)
    if not isinstance(response.get("output"), list):
        return _failure(None) if response.get("status") == "failed" else None
    if (status := response.get("status")) in _UNFINISHED:
        return _failure({"message": f"The upstream has not finished the response: it is {status}."})
    writer = ChatWriter(model, request_id, include_usage=True)
    writer.add({"type": "response.completed", "response": response})
    if writer.error is not None:
        return _failure(writer.error)
    accumulator = ChunkAccumulator()
    for chunk in writer.take():
        accumulator.add(chunk)
    completion = accumulator.whole(ended=True)
    message = completion["choices"][0]["message"]
    if message.get("tool_calls") or message["refusal"]:
        message["content"] = message["content"] or None
    return completion


def _failure(error: Any) -> dict[str, Any]:
    """An error with all of the members that SDKs read."""
    members = error if isinstance(error, dict) else {}
    message = members.get("message") or (error if isinstance(error, str) else "")
    defaults = {"type": "server_error", "param": None, "code": None}
    return {
        "error": {
            "message": str(message or "The upstream failed and did not say why."),
            **{name: members.get(name) or default for name, default in defaults.items()},
        }
    }
