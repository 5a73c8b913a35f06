"""The input items of a request to the Responses API as a conversation. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list, json_of
from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import Dropped, quoted, refused
from proxy.protocols.translate.responses_to_chat.conversation import Conversation
from proxy.protocols.translate.responses_to_chat.parts import parts_of, texts_of
from proxy.protocols.translate.responses_to_chat.tools import CUSTOM, LOCAL_SHELL, TOOL_SEARCH, Tool, Tools

# What a client's own tools were called with, and what they returned.
_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "tool_search_call")
_OUTPUTS = (
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "tool_search_output",
)
# What OpenAI's own tools did earlier in the conversation.
_HOSTED = (
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
    "mcp_list_tools",
    "computer_call",
    "computer_call_output",
)
_COMPACTION = ("compaction", "compaction_summary", "compaction_trigger", "context_compaction")


class ItemReader:
    """Reads the items of one request into a conversation; tools among them are added to `tools`.

    `is_off`: the call asks for no reasoning.
    """

    def __init__(self, provider: ChatProvider, tools: Tools, dropped: Dropped, is_off: bool) -> None:
        self.conversation = Conversation(provider, provider.needs_reasoning and not is_off)
        self._provider, self._tools, self._dropped = provider, tools, dropped

    def read(self, request: dict[str, Any]) -> None:
        """Read all items. Raises BadRequest for what the provider has no equal for."""
        self.conversation.system += texts_of(request.get("instructions"), "instructions")
        items = request.get("input")
        if isinstance(items, str):
            items = [{"role": "user", "content": items}]
        if not isinstance(items, list) or not items:
            raise refused("input must be a text or a list with at least one item.", "input")
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                raise refused("Each item of input must be an object.", f"input[{index}]")
            if item.get("type") in ("additional_tools", "tool_search_output"):
                self._tools.add_all(item.get("tools"), f"input[{index}].tools")
        for index, item in enumerate(items):
            self._add(item, f"input[{index}]")

    def _add(self, item: dict[str, Any], where: str) -> None:
        kind = item.get("type") or "message"
        if kind == "message":
            self._message(item, where)
        elif kind == "reasoning":
            if text := _reasoning(item):
                self.conversation.think(text)
        elif kind in _CALLS:
            self._call(kind, item, where)
        elif kind in _OUTPUTS:
            self._output(kind, item, where)
        elif kind in _HOSTED:
            self._dropped.add(kind)
        elif kind in _COMPACTION:
            raise refused(
                "Only OpenAI's Responses API can compact a conversation, and this model's upstream does not serve it. "
                "In Codex, give the provider another name than OpenAI, so that Codex does it itself, or start a new "
                "session.",
                where,
            )
        elif kind != "additional_tools":
            raise refused(
                f"This model's provider has no equal for an item of type {quoted(kind)}. Send the conversation itself.",
                where,
            )

    def _message(self, item: dict[str, Any], where: str) -> None:
        role, content = item.get("role"), item.get("content")
        if role in ("system", "developer"):
            self.conversation.system += texts_of(content, where)
        elif role == "user":
            self.conversation.say(parts_of(content, self._provider, where))
        elif role == "assistant":
            self.conversation.answer(parts_of(content, self._provider, where))
        else:
            raise refused("The role of a message must be user, assistant, system or developer.", where)

    def _call(self, kind: str, item: dict[str, Any], where: str) -> None:
        name, namespace, given = item.get("name"), item.get("namespace"), item.get("arguments")
        if kind == "local_shell_call":
            tool, given = Tool(LOCAL_SHELL, LOCAL_SHELL), _command(item.get("action"))
        elif kind == "tool_search_call":
            tool = Tool(TOOL_SEARCH, TOOL_SEARCH)
        elif not isinstance(name, str) or not name:
            raise refused("A call needs a name.", where)
        elif kind == "custom_tool_call":
            tool, given = Tool(CUSTOM, name, str(namespace) if namespace else None), {"input": item.get("input")}
        else:
            tool = self._tools.find(name, namespace)
        arguments = given if isinstance(given, str) else json_of({} if given is None else given)
        self.conversation.call(_identifier(item, where), self._tools.function(tool), arguments)

    def _output(self, kind: str, item: dict[str, Any], where: str) -> None:
        output = _found(item) if kind == "tool_search_output" else item.get("output")
        identifier = _identifier(item, where)
        if not self.conversation.result(identifier, parts_of(output, self._provider, where)):
            raise refused(f"There is no call before this output with the id {quoted(identifier)}.", where)


def _reasoning(item: dict[str, Any]) -> str:
    """The text of a reasoning item: the reasoning itself, or else its summary. Only its maker can read the rest."""
    for name in ("content", "summary"):
        texts = [part.get("text") for part in as_list(item.get(name)) if isinstance(part, dict)]
        if text := "\n\n".join(text for text in texts if isinstance(text, str) and text):
            return text
    return ""


def _command(action: Any) -> dict[str, Any]:
    names = ("command", "working_directory", "timeout_ms")
    members = action if isinstance(action, dict) else {}
    return {name: value for name in names if (value := members.get(name)) is not None}


def _found(item: dict[str, Any]) -> str:
    """What a search for tools has found."""
    names = [str(tool.get("name")) for tool in as_list(item.get("tools")) if isinstance(tool, dict)]
    return f"Found {', '.join(names)}: you can call them now." if names else "Found nothing."


def _identifier(item: dict[str, Any], where: str) -> str:
    """The id of a call. The output of a local shell has it as its own id."""
    identifier = item.get("call_id") or item.get("id")
    if not isinstance(identifier, str):
        raise refused("A call and its output need a call_id.", where)
    return identifier
