"""The demo model: its tokens, answers, tool calls and embeddings. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]|\s*[^\s\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]+\s*|\s+"
)
_CJK = re.compile(r"[\u3400-\u9fff]")
_ENGLISH = (
    "Hello! I am the demo model built into Sluice. This answer needed neither a network nor a key: it only shows that "
    "your app reaches this address and that the words arrive one by one. Set OPENAI_API_KEY and restart, and a real "
    "model will answer in my place."
)
_CHINESE = (
    "你好！我是 Sluice 自带的演示模型。这段回答没有联网，也没有用到任何密钥：它只说明你的应用已经连到这个地址，"
    "而且文字是一个一个到达的。设置 OPENAI_API_KEY 后重新启动，就会由真正的模型来回答。"
)
DIMENSIONS = 8


def tokens(text: str) -> list[str]:
    """`text` split into words and CJK characters. Joined, they are the same text."""
    return _TOKEN.findall(text)


def answer_to(prompt: str) -> str:
    """The answer, in the language of the question."""
    quote = " ".join(prompt.split())[-60:]
    if _CJK.search(prompt):
        return f"{_CHINESE}你刚才说的是：「{quote}」"
    return f"{_ENGLISH} You said: “{quote}”" if quote else _ENGLISH


def prompt_of(request: dict[str, Any]) -> str:
    """The text of the last message, in the format of any of the three APIs."""
    prompt = request.get("messages") or request.get("input") or request.get("prompt") or ""
    if isinstance(prompt, list):
        prompt = prompt[-1] if prompt else ""
    if isinstance(prompt, dict):
        prompt = prompt.get("content") or ""
    if isinstance(prompt, list):
        prompt = " ".join(str(part.get("text") or "") for part in prompt if isinstance(part, dict))
    return str(prompt)


def tool_call(request: dict[str, Any]) -> dict[str, Any] | None:
    """A call of the first tool, or of the one that `tool_choice` names; None if the last message is a tool's result."""
    tools, choice, messages = request.get("tools"), request.get("tool_choice"), request.get("messages")
    if not isinstance(tools, list) or choice == "none" or not isinstance(messages, list) or not messages:
        return None
    if isinstance(messages[-1], dict) and messages[-1].get("role") == "tool":
        return None
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)]
    chosen = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    for function in functions:
        if isinstance(function, dict) and chosen in (None, function.get("name")):
            arguments = json.dumps(_example(function.get("parameters") or {"type": "object"}), ensure_ascii=False)
            name = str(function.get("name"))
            return {"id": "call_demo", "type": "function", "function": {"name": name, "arguments": arguments}}
    return None


def embedding(text: str, as_base64: bool) -> list[float] | str:
    """A unit vector made of eight sums over the text's characters: the same text has the same vector."""
    import struct
    from base64 import b64encode

    sums = [1.0 + sum(map(ord, text[start::DIMENSIONS])) for start in range(DIMENSIONS)]
    length = sum(value * value for value in sums) ** 0.5
    vector = [value / length for value in sums]
    return b64encode(struct.pack(f"<{DIMENSIONS}f", *vector)).decode() if as_base64 else vector


def _example(schema: Any) -> Any:
    """A value that matches a JSON schema, as far as a demo needs it."""
    if not isinstance(schema, dict):
        return None
    if isinstance(choices := schema.get("enum"), list) and choices:
        return choices[0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties")
        return {k: _example(v) for k, v in properties.items()} if isinstance(properties, dict) else {}
    if kind == "array":
        return [_example(schema.get("items"))]
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(str(kind), "demo")
