"""The stage that keeps what lies in the owner's account from callers who do not own it.

With a credential that the server holds, whatever a request refers to is looked up in the owner's account: another
caller's stored answer, a file, a container, a prompt, a server with tools. Such references are refused unless
ALLOW_REFERENCES opens their kind, and responses go up with `store: false`, so that nothing stays behind. Where the
credential that goes up is the caller's own, the account is too, and nothing is looked at.
"""

from __future__ import annotations

import re
from typing import Any

from proxy import slices
from proxy.call import Call
from proxy.errors import ReferenceNotAllowed
from proxy.messages import Stream
from proxy.wire.json_walk import walk
from proxy.wire.work import SLICE, Slices

# Members that refer to something stored, in small letters, and the kind that opens them
# (platform.openai.com/docs/api-reference/responses/create, /assistants; docs.anthropic.com/en/api/files,
# docs.anthropic.com/en/docs/agents-and-tools/mcp-connector; read 2026-11-26).
_NAMES = {
    "previous_response_id": "responses",
    "response_id": "responses",
    "conversation": "conversations",
    "conversation_id": "conversations",
    "file_id": "files",
    "file_ids": "files",
    "input_file_id": "files",
    "training_file": "files",
    "validation_file": "files",
    "image_file": "files",
    "vector_store_id": "vector_stores",
    "vector_store_ids": "vector_stores",
    "vector_stores": "vector_stores",
    "container": "containers",
    "container_id": "containers",
    "container_ids": "containers",
    "prompt_id": "prompts",
    "mcp_servers": "mcp",
    "server_url": "mcp",
    "server_label": "mcp",
    "connector_id": "mcp",
    "approval_request_id": "mcp",
    "background": "background",
    "assistant_id": "assistants",
    "thread_id": "assistants",
    "skill_id": "skills",
    "skills": "skills",
    "cached_content": "caches",
    "cachedcontent": "caches",
}
# Types of items and tools that do.
_TYPES = {"item_reference": "responses", "mcp": "mcp", "mcp_toolset": "mcp"}
# Other members that end so and hold such an id: file-…, vs_…, msg_…. Those of calls come from the request itself.
_ID_NAME = re.compile(r".*_(?:id|file)s?\Z")
_ID = re.compile(r"[a-z]{2,16}[-_][A-Za-z0-9-]{12,}\Z")
_OWN_IDS = frozenset("call_id tool_call_id tool_use_id item_id request_id user_id session_id trace_id".split())
_TOP_ONLY = ("conversation", "background")


async def prepare(call: Call) -> None:
    """Raise ReferenceNotAllowed for a reference of a kind that is not open."""
    opened = call.config.allow_references
    if "*" in opened:
        return
    for part in call.form or ():
        _check(part.name.removesuffix("[]"), part.name, _NAMES.get(part.name.removesuffix("[]").casefold()), opened)
    document = call.document
    if document is None or document.value is None:
        return
    await slices.run(_look(document.value, call.protocol, opened), call.host.clock)
    if _stores(call.protocol, document.get("store")) and "store" not in opened:
        call.document = document.setting({"store": b"false"})


def wrap(call: Call, stream: Stream) -> Stream:
    """Nothing to do."""
    return stream


def _stores(protocol: str, asked: Any) -> bool:
    """Whether the upstream would keep the answer: of a response always, unless it is told not to."""
    return bool(asked) if protocol == "chat" else protocol == "responses" and asked is not False


def _look(request: dict[str, Any], protocol: str, opened: tuple[str, ...]) -> Slices[None]:
    """Look at every member of the request but what is data."""
    units = 0
    for name, value, owner, is_data in walk(request):
        units += 1
        if value and not is_data:
            if name == "input" and isinstance(value, dict) and owner is request:
                # An item with nothing but an id is a reference as well.
                if value.get("id") and not (value.get("type") or value.get("role")):
                    _check(name, "id", "responses", opened)
            elif name == "prompt" and isinstance(value, dict) and owner is request:
                _check(name, name, "prompts", opened)
            else:
                shown = f"type {value[:40]!r}" if name == "type" and isinstance(value, str) else name
                _check(shown, name, _kind(name, value, owner is request), opened)
        if units >= SLICE:
            yield units
            units = 0


def _kind(name: str, value: Any, at_top: bool) -> str | None:
    """The kind of what a member refers to, None for one that refers to nothing."""
    folded = name[:64].casefold()
    if folded == "type":
        return _TYPES.get(value) if isinstance(value, str) else None
    if (kind := _NAMES.get(folded)) is not None:
        # A container that is made for this answer alone holds nothing of anybody's.
        is_new = folded == "container" and isinstance(value, dict) and value.get("type") == "auto"
        return None if is_new or (folded in _TOP_ONLY and not at_top) else kind
    if folded not in _OWN_IDS and isinstance(value, str) and _ID_NAME.match(folded) and _ID.match(value):
        return "others"
    return None


def _check(name: str, param: str, kind: str | None, opened: tuple[str, ...]) -> None:
    if kind is not None and kind not in opened:
        raise ReferenceNotAllowed(
            f"{name[:64]} refers to something that is stored in the account of this endpoint's owner, or has it store "
            f"something. Send all that the model needs in the request. The owner can open it with "
            f"ALLOW_REFERENCES={kind}, which opens it to every caller.",
            param=param[:64],
        )
