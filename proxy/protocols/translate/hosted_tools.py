"""The tools that a translation to chat completions leaves out, because only the caller's kind of provider runs them."""

from __future__ import annotations

from typing import Any

from proxy.wire.path_table import MESSAGES, RESPONSES


def without(api: str, request: dict[str, Any]) -> dict[str, Any]:
    """A request to `api` without its hosted tools: what a chat provider gets of it costs nothing for them."""
    tools = request.get("tools")
    if not isinstance(tools, list):
        return request
    kept = [tool for tool in tools if not _is_hosted(api, tool)]
    return request if len(kept) == len(tools) else {**request, "tools": kept}


def _is_hosted(api: str, tool: Any) -> bool:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if not isinstance(kind, str):
        return False
    if api == RESPONSES:
        from proxy.protocols.translate.responses_to_chat.tools import hosted_name

        return hosted_name(kind) is not None
    if api == MESSAGES:
        from proxy.protocols.translate.messages_to_chat.tools import is_of_server

        return is_of_server(kind)
    return False
