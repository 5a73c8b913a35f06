"""What an answer said, out of its bytes, for counting: one message a choice. Pure."""

from __future__ import annotations

from typing import Any

from proxy.call import Call
from proxy.protocols.accumulate import Completion
from proxy.wire import bounded_json, content_encoding, sse

_MOST = 16_000_000  # bytes of a compressed answer once it is opened


def messages_of(data: bytes, call: Call) -> list[dict[str, Any]]:
    """The messages of a stream or of a whole JSON answer; an empty list where nothing was said that can be read."""
    if call.is_sse:
        found = _of_events(data, call.protocol)
    else:
        found = _of_json(
            content_encoding.plain(data, content_encoding.encoding(call.headers), _MOST) if call.headers else data
        )
    return [message for message in found if any(value for name, value in message.items() if name != "role")]


def _of_events(data: bytes, protocol: str) -> list[dict[str, Any]]:
    if protocol == "chat":
        completion = Completion()
        for chunk in sse.objects(data):
            completion.add(chunk)
        return [choice["message"] for choice in completion.whole()["choices"]]
    texts: dict[Any, str] = {}
    for event in sse.objects(data):
        if protocol == "responses":
            # Text, reasoning summaries, the arguments of calls: whatever comes in deltas was generated.
            if str(event.get("type")).endswith(".delta") and isinstance(event.get("delta"), str):
                texts[0] = texts.get(0, "") + event["delta"]
            continue
        for choice in _list(event.get("choices")):
            if isinstance(choice, dict) and isinstance(choice.get("text"), str):
                index = str(choice.get("index"))
                texts[index] = texts.get(index, "") + choice["text"]
    return [{"content": text} for text in texts.values()]


def _of_json(data: bytes) -> list[dict[str, Any]]:
    try:
        answer = bounded_json.loads(data)
    except (ValueError, RecursionError):
        return []
    found = []
    for choice in _list(answer.get("choices")) if isinstance(answer, dict) else ():
        if isinstance(choice, dict):
            message = choice.get("message")
            found.append(message if isinstance(message, dict) else {"content": choice.get("text")})
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
