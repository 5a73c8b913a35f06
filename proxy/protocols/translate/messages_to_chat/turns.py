"""The messages of a request to the Messages API as chat messages. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import json_of
from proxy.protocols.translate.chat_parts import (
    Part,
    assistant_message,
    call_part,
    content_of,
    reasoning_content,
    result_message,
)
from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import Dropped, quoted, refused
from proxy.protocols.translate.messages_to_chat.blocks import blocks_of, parts_of
from proxy.protocols.translate.names import call_id, function_name
from proxy.protocols.translate.own_reasoning import detail, encrypted_in

# Claude Code's first system block. It differs in each call, so no cache of prompts would ever match.
_BILLING = "x-anthropic-billing-header"
_ERROR = "Error: "
# Claude Code marks what is not from the user in the same way.
_REMINDER = "<system-reminder>\n{}\n</system-reminder>"


def chat_messages(request: dict[str, Any], provider: ChatProvider, dropped: Dropped) -> list[dict[str, Any]]:
    """The chat messages of a request. Raises BadRequest for what the provider has no equal for."""
    system = _system(request.get("system"))
    messages: list[dict[str, Any]] = []
    is_off = isinstance(thinking := request.get("thinking"), dict) and thinking.get("type") == "disabled"
    for is_assistant, blocks in _turns(request.get("messages")):
        if is_assistant:
            messages += _assistant(blocks, provider, dropped, needs_reasoning=provider.needs_reasoning and not is_off)
        else:
            messages += _user(blocks, provider, dropped)
    if not messages:
        raise refused("At least one message needs a content.", "messages")
    return [{"role": "system", "content": system}, *messages] if system else messages


def _system(system: Any) -> str:
    texts = []
    for block in blocks_of(system, "system"):
        if not isinstance(text := block.get("text"), str):
            raise refused("A system block needs a text.", "system")
        texts.append(text)
    if texts and texts[0].startswith(_BILLING):
        texts[0] = texts[0].partition("\n")[2].lstrip("\n")
    return "\n\n".join(text for text in texts if text)


def _turns(messages: Any) -> list[tuple[bool, list[dict[str, Any]]]]:
    """The blocks of each turn, and whether it is the assistant's.

    Consecutive messages of one side are one turn, as at Anthropic: otherwise a system message could come between a
    call and its result, which chat providers refuse.
    """
    if not isinstance(messages, list) or not messages:
        raise refused("messages must be a list with at least one message.", "messages")
    turns: list[tuple[bool, list[dict[str, Any]]]] = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ("user", "assistant", "system"):
            raise refused("The role of a message must be user, assistant or system.", where)
        blocks = blocks_of(message.get("content"), where)
        if role == "system":
            blocks = [{**block, "text": _REMINDER.format(block.get("text"))} for block in blocks]
        if not turns or turns[-1][0] != (role == "assistant"):
            turns.append((role == "assistant", []))
        turns[-1][1].extend(blocks)
    return turns


def _assistant(
    blocks: list[dict[str, Any]], provider: ChatProvider, dropped: Dropped, needs_reasoning: bool
) -> list[dict[str, Any]]:
    parts: list[Part] = []
    calls = []
    reasoning = []
    encrypted: list[dict[str, Any]] = []
    for block in blocks:
        kind = block.get("type")
        if kind == "thinking":
            if text := encrypted_in(block.get("signature")):
                encrypted.append(detail(text))
            if isinstance(thinking := block.get("thinking"), str) and thinking:
                reasoning.append(thinking)
        elif kind == "tool_use":
            calls.append(_call(block, provider))
        elif kind in ("server_tool_use", "mcp_tool_use") or str(kind).endswith("_tool_result"):
            dropped.add(str(kind))  # a tool of Anthropic's, used earlier in the conversation
        elif kind != "redacted_thinking":
            parts += parts_of(block, provider, dropped, "messages")
    message = assistant_message(parts, calls, reasoning_content(reasoning, calls) if needs_reasoning else None)
    if message is None:
        return []
    return [{**message, "reasoning_details": encrypted} if encrypted and provider.keeps_reasoning else message]


def _call(block: dict[str, Any], provider: ChatProvider) -> dict[str, Any]:
    identifier, name, arguments = block.get("id"), block.get("name"), block.get("input")
    if not isinstance(identifier, str) or not isinstance(name, str):
        raise refused("A tool_use block needs an id and a name.", "messages")
    text = arguments if isinstance(arguments, str) else json_of({} if arguments is None else arguments)
    return call_part(call_id(identifier, provider), function_name(name), text)


def _user(blocks: list[dict[str, Any]], provider: ChatProvider, dropped: Dropped) -> list[dict[str, Any]]:
    """The results of tools first, as chat providers demand, then the rest of the turn in one message."""
    results = []
    images: list[Part] = []
    parts: list[Part] = []
    for block in blocks:
        if block.get("type") == "tool_result":
            message, result_images = _result(block, provider, dropped)
            results.append(message)
            images += result_images
        else:
            parts += parts_of(block, provider, dropped, "messages")
    rest = [*images, *parts]
    return [*results, {"role": "user", "content": content_of(rest)}] if rest else results


def _result(block: dict[str, Any], provider: ChatProvider, dropped: Dropped) -> tuple[dict[str, Any], list[Part]]:
    """The message with a tool's result, and the parts that only a user's message can have."""
    if not isinstance(identifier := block.get("tool_use_id"), str):
        raise refused(f"A tool_result block needs a tool_use_id, not {quoted(identifier)}.", "messages")
    blocks = blocks_of(block.get("content"), "messages")
    parts = [part for inner in blocks for part in parts_of(inner, provider, dropped, "messages")]
    return result_message(call_id(identifier, provider), parts, _ERROR if block.get("is_error") else "")
