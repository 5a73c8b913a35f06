"""The same answer as a stream of each API that the console's playground calls."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page

PATHS = {"openai": "chat/completions", "responses": "responses", "messages": "messages"}
APIS = tuple(PATHS)
# The settings of an endpoint that asks callers for no key.
OWN_KEY = {"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1"}
# What each API says when an answer is complete, and when it has reached a limit.
COMPLETE = {"openai": "stop", "responses": "completed", "messages": "end_turn"}
TOO_LONG = {"openai": "length", "responses": "max_output_tokens", "messages": "max_tokens"}


def event(value: dict[str, Any]) -> bytes:
    """One event; those with a type bear its name, as in Responses and Messages."""
    name = f"event: {value['type']}\n" if "type" in value else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


def piece(api: str, text: str, *, thought: bool = False) -> bytes:
    """A piece of the answer, or of the reasoning before it."""
    if api == "openai":
        delta = {"reasoning_content" if thought else "content": text}
        return event({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    if api == "responses":
        return event({"type": f"response.{'reasoning_summary' if thought else 'output'}_text.delta", "delta": text})
    kind = "thinking" if thought else "text"
    return event({"type": "content_block_delta", "index": 0, "delta": {"type": f"{kind}_delta", kind: text}})


def start(api: str) -> bytes:
    """What comes before the first piece, a ping included; in Messages half of the usage."""
    if api == "openai":
        return b": ping\n\n"
    if api == "responses":
        return b": ping\n\n" + event({"type": "response.created", "response": {"id": "r", "status": "in_progress"}})
    usage = {"input_tokens": 4, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1, "output_tokens": 1}
    head = event({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": usage}})
    return head + event({"type": "ping"})


def end(api: str, reason: str | None = None, **more: Any) -> bytes:
    """The end of the stream with its usage of 7 tokens in and 3 out; `more` goes where Sluice adds to it."""
    reason = reason or COMPLETE[api]
    if api == "openai":
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        choices = [{"index": 0, "delta": {}, "finish_reason": reason}]
        return event({"id": "c", "choices": choices, "usage": usage, **more}) + b"data: [DONE]\n\n"
    if api == "responses":
        status = "completed" if reason == "completed" else "incomplete"
        details = None if status == "completed" else {"reason": reason}
        usage = {"input_tokens": 7, "output_tokens": 3}
        response = {"id": "r", "status": status, "incomplete_details": details, "output": [], "usage": usage, **more}
        return event({"type": f"response.{status}", "response": response})
    delta = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3}, **more}
    return event(delta) + event({"type": "message_stop"})


def failure(api: str, message: str, code: str) -> bytes:
    """The event that ends a stream that has failed."""
    error = {"message": message, "code": code}
    if api == "openai":
        return event({"error": error})
    if api == "responses":
        return event({"type": "response.failed", "response": {"id": "r", "status": "failed", "error": error}})
    return event({"type": "error", "error": {"type": "api_error", **error}})


def answered(page: Page, api: str, body: bytes, status: int = 200, **headers: str) -> None:
    """Put this in the place of the endpoint's answers to calls of an API."""
    page.unroute_all()
    kind = "text/event-stream" if status == 200 else "application/json"
    head = {"content-type": kind, **headers}
    page.route(f"**/v1/{PATHS[api]}", lambda route: route.fulfill(status=status, headers=head, body=body))


def choose(page: Page, api: str) -> None:
    """Choose the API in the playground."""
    page.select_option("#api", api)
