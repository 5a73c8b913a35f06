"""The tools of a request to the Responses API as functions, and what their calls are called there. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from proxy.protocols.members import as_list
from proxy.protocols.translate.chat_parts import function_of
from proxy.protocols.translate.dropped import Dropped, quoted, refused
from proxy.protocols.translate.names import function_name

# The kinds of tools whose calls the client carries out, by the type of the tool.
FUNCTION, CUSTOM, LOCAL_SHELL, TOOL_SEARCH = "function", "custom", "local_shell", "tool_search"
_NAMESPACE = "namespace"
# Tools that OpenAI's servers run. They are left out if the call has others as well: Codex always lists web_search.
_HOSTED = (
    "web_search",
    "file_search",
    "code_interpreter",
    "image_generation",
    "mcp",
    "computer",
    "programmatic_tool_calling",
)
# Tools that the client runs, but whose calls only OpenAI's models know how to make.
_WITHOUT_SCHEMA = ("shell", "apply_patch")
_INPUT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_COMMAND = {
    "type": "object",
    "properties": {
        "command": {"type": "array", "items": {"type": "string"}, "description": "The program and its arguments."},
        "working_directory": {"type": "string"},
        "timeout_ms": {"type": "integer"},
    },
    "required": ["command"],
}
_COMMAND_TEXT = "Runs a command on the user's machine and returns its output."


def hosted_name(kind: str) -> str | None:
    """The name of a tool that only OpenAI's servers run, by its type; None for every other tool."""
    return TOOL_SEARCH if kind == TOOL_SEARCH else next((name for name in _HOSTED if kind.startswith(name)), None)


class Tool(NamedTuple):
    """A tool: its kind, one of the constants above, its name and its namespace."""

    kind: str
    name: str
    namespace: str | None = None


class Tools:
    """The tools of a request. `functions` are they for the upstream; `hosted` are those that only OpenAI runs."""

    def __init__(self) -> None:
        self.functions: dict[str, dict[str, Any]] = {}
        self.hosted: list[str] = []
        self.names: dict[str, Tool] = {}
        self._functions_of: dict[Tool, str] = {}
        self._by_name: dict[tuple[str, str | None], Tool] = {}

    def function(self, tool: Tool) -> str:
        """The name of a tool's function. A tool that is not in the request, but was called earlier, has one too."""
        known = self._functions_of.get(tool)
        return known or function_name(f"{tool.namespace}__{tool.name}" if tool.namespace else tool.name)

    def find(self, name: Any, namespace: Any = None) -> Tool:
        """The tool with this name, of whatever kind."""
        name, namespace = str(name), str(namespace) if namespace else None
        return self._by_name.get((name, namespace)) or Tool(FUNCTION, name, namespace)

    def add_all(self, tools: Any, where: str, namespace: str | None = None) -> None:
        """Add a list of tools. Raises BadRequest for what is none, or cannot work."""
        if tools is None:
            return
        if not isinstance(tools, list):
            raise refused("tools must be a list.", where)
        for index, tool in enumerate(tools):
            if not isinstance(tool, dict):
                raise refused("Each tool must be an object.", f"{where}[{index}]")
            self._add(tool, f"{where}[{index}]", namespace)

    def _add(self, tool: dict[str, Any], where: str, namespace: str | None) -> None:
        kind, name = tool.get("type"), tool.get("name")
        description = tool.get("description")
        if kind == LOCAL_SHELL:
            self._put(Tool(LOCAL_SHELL, LOCAL_SHELL), _COMMAND_TEXT, _COMMAND)
        elif kind == TOOL_SEARCH and tool.get("execution") == "client":
            self._put(Tool(TOOL_SEARCH, TOOL_SEARCH), description, tool.get("parameters"))
        elif kind not in (FUNCTION, CUSTOM, _NAMESPACE):
            self._add_other(str(kind), where)
        elif not isinstance(name, str) or not name:
            raise refused("Each tool needs a name.", where)
        elif kind == _NAMESPACE:
            if namespace is not None:
                raise refused("A namespace cannot be in another one.", where)
            self.add_all(tool.get("tools"), f"{where}.tools", name)
        elif kind == CUSTOM:
            self._put(Tool(CUSTOM, name, namespace), _with_grammar(tool), _INPUT)
        else:
            strict = {"strict": True} if tool.get("strict") is True else {}
            self._put(Tool(FUNCTION, name, namespace), description, tool.get("parameters"), **strict)

    def _add_other(self, kind: str, where: str) -> None:
        if kind in _WITHOUT_SCHEMA:
            raise refused(
                f"Only OpenAI's models know the tool {kind}: the request does not describe it. Define a function for "
                "it, or call a model that is served through the Responses API.",
                where,
            )
        hosted = hosted_name(kind)
        if hosted is None:
            raise refused(f"This model's provider has no equal for a tool of type {quoted(kind)}. Remove it.", where)
        self.hosted.append(hosted)

    def _put(self, tool: Tool, description: Any, schema: Any, **more: Any) -> None:
        """Add a function. The last of several tools with the same name counts, as additional tools replace others."""
        name = self.function(tool)
        if (other := self.names.get(name)) is not None and other != tool:
            # `a__b` may also be `b` in the namespace `a`.
            name = function_name(f"{name} {tool.kind} {tool.namespace}")
        self.names[name], self._functions_of[tool] = tool, name
        self._by_name.setdefault((tool.name, tool.namespace), tool)
        self.functions[name] = function_of(name, description, schema, **more)


def _with_grammar(tool: dict[str, Any]) -> str:
    """The description of a custom tool, with the grammar of its input."""
    texts = [text] if isinstance(text := tool.get("description"), str) and text else []
    form = tool.get("format")
    if isinstance(form, dict) and form.get("type") == "grammar":
        texts.append(f"The input is a text in this {form.get('syntax')} grammar:\n{form.get('definition')}")
    return "\n\n".join(texts)


def tool_members(request: dict[str, Any], tools: Tools, dropped: Dropped) -> dict[str, Any]:
    """The members `tools`, `tool_choice` and `parallel_tool_calls`. Raises BadRequest for a choice that cannot work."""
    choice, functions = request.get("tool_choice"), tools.functions
    members: dict[str, Any] = {}
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        names = [_chosen(one, tools) for one in as_list(choice.get("tools")) if isinstance(one, dict)]
        functions = {name: functions[name] for name in names if name in functions}
        choice = choice.get("mode")
        if not functions:
            raise refused("None of the allowed tools is a tool that this model's provider can call.", "tool_choice")
    if tools.hosted and not functions:
        raise _not_hosted(tools.hosted[0], "tools")
    for name in tools.hosted:
        dropped.add(name)
    if isinstance(choice, str) and choice in ("auto", "none", "required"):
        members["tool_choice"] = choice
    elif isinstance(choice, dict):
        name = _chosen(choice, tools)
        if name not in functions:
            raise _not_hosted(str(choice.get("type")), "tool_choice")
        members["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif choice is not None:
        raise refused("tool_choice must be auto, none, required, or a tool of the request.", "tool_choice")
    if not functions:
        return {}
    if isinstance(parallel := request.get("parallel_tool_calls"), bool):
        members["parallel_tool_calls"] = parallel
    return {"tools": list(functions.values()), **members}


def _chosen(choice: dict[str, Any], tools: Tools) -> str:
    """The name of the function for a tool that is chosen by its type and name."""
    kind = choice.get("type")
    if kind in (LOCAL_SHELL, TOOL_SEARCH):
        return tools.function(Tool(kind, kind))
    return tools.function(tools.find(choice.get("name"), choice.get("namespace")))


def _not_hosted(kind: str, where: str) -> Exception:
    return refused(
        f"This model's provider does not run {quoted(kind)} itself. Leave it out, or call a model that is served "
        "through the Responses API.",
        where,
    )
