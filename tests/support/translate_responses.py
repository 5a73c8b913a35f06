"""A reader of Responses streams that insists on their grammar and on the types of OpenAI's SDK."""

from __future__ import annotations

import json
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from proxy.wire import sse

_EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
LAST = ("response.completed", "response.incomplete")
# What each kind of item is made of: its deltas, and the member of the finished item that they add up to.
_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "text",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
_PREFIXES = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    "local_shell_call": "lsh_",
    "tool_search_call": "tsc_",
}


def read_response(data: bytes) -> dict[str, Any]:
    """The response that a strict client reads.

    `types` has the types of all events, `items` those that are finished, `open` says whether one is not, `last` is the
    response of the last event if it ended properly.
    """
    found: dict[str, Any] = {"types": [], "items": [], "open": False, "last": None, "texts": []}
    for number, (name, text) in enumerate(sse.events(data)):
        event = json.loads(text)
        assert name == event["type"]
        assert event["sequence_number"] == number
        assert found["last"] is None
        _EVENTS.validate_python(event, strict=False)
        found["types"].append(name)
        assert (name == "response.created") == (number == 0)
        assert (name == "response.in_progress") == (number == 1)
        if name in ("response.created", "response.in_progress", *LAST):
            Response.model_validate(event["response"])
        _item(found, name, event)
        if name in LAST:
            found["last"] = event["response"]
            assert event["response"]["output"] == found["items"]
        elif number < 2:
            assert event["response"]["status"] == "in_progress" and event["response"]["output"] == []
    return found


def _item(found: dict[str, Any], name: str, event: dict[str, Any]) -> None:
    if name == "response.output_item.added":
        assert not found["open"]
        found["open"], found["texts"], found["item"] = True, [], event["item"]
    if "output_index" not in event:
        return
    assert found["open"]
    assert event["output_index"] == len(found["items"])
    item = event.get("item") or found["item"]
    assert item["id"].startswith(_PREFIXES[item["type"]])
    assert item["id"] == found["item"]["id"] == event.get("item_id", item["id"])
    if name in _DELTAS:
        assert event["delta"]
        found["texts"].append(event["delta"])
    elif name.endswith((".done",)) and (member := _DELTAS.get(name.replace(".done", ".delta"))):
        assert event[member] == "".join(found["texts"])
    elif name == "response.output_item.done":
        assert event["item"].get("status", "completed") == "completed"
        found["open"] = False
        found["items"].append(event["item"])


def parts(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The type of each item with its text, or with the name and the arguments of the call."""
    found = []
    for item in items:
        kind = item["type"]
        if kind == "message":
            (part,) = item["content"]
            found.append((part["type"], part.get("text") or part.get("refusal")))
        elif kind == "reasoning":
            (part,) = item["summary"]
            found.append((kind, part["text"]))
        else:
            what = item.get("arguments") or item.get("input") or json.dumps(item.get("action"))
            found.append((kind, f"{item.get('name', '')} {what}".strip()))
    return found
