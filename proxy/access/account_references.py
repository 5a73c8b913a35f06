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

# Members that refer to something stored, in small letters and without underscores, and the kind that opens them
# (platform.openai.com/docs/api-reference/responses/create, /assistants; docs.anthropic.com/en/api/files,
# docs.anthropic.com/en/docs/agents-and-tools/mcp-connector; openrouter.ai/docs/features/presets;
# learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data; docs.mistral.ai/api; read 2026-11-26).
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
    "agent_id": "assistants",
    "preset": "prompts",
    "data_sources": "others",
}
_KINDS = {name.replace("_", ""): kind for name, kind in _NAMES.items()}
# Types of items and tools that do, in small letters.
_TYPES = {"item_reference": "responses", "mcp": "mcp", "mcp_toolset": "mcp", "container_reference": "containers"}
# Addresses that the upstream opens with its own account: buckets, and files by an address of its own
# (help.aliyun.com/zh/model-studio/long-context-qwen-long, platform.moonshot.cn/docs/guide/use-kimi-vision-model,
# ai.google.dev/gemini-api/docs/files; read 2026-11-26).
_ADDRESSES = ("url", "uri", "image", "video", "audio", "data", "filedata")
_OWN_ADDRESS = re.compile(
    r"(?!https?:)[a-z][a-z0-9+.-]{0,20}://|https?://generativelanguage\.googleapis\.com/", re.IGNORECASE
)
_FILE_TEXT = "fileid://"
_STORED_PRESET = "@preset/"
# What an item of `input` may have besides its id and still say nothing: then the upstream looks the id up.
_LABELS = frozenset("id object phase role status type".split())
# Other members that end so and hold such an id: file-…, vs_…, msg_…. Those of calls come from the request itself.
_ID_NAME = re.compile(r".*_(?:id|file)s?\Z")
_ID = re.compile(r"[a-z]{2,16}[-_][A-Za-z0-9-]{12,}\Z")
_OWN_IDS = ("call_id", "item_id", "request_id", "session_id", "tool_id", "tool_use_id", "trace_id", "user_id")
_TOP_ONLY = ("conversation", "background")
_BRACKETS = re.compile(r"[\[\].]+")


async def prepare(call: Call) -> None:
    """Raise ReferenceNotAllowed for a reference of a kind that is not open."""
    opened = call.config.allow_references
    if "*" in opened:
        return
    for part in call.form or ():
        for name in _BRACKETS.split(part.name):
            _check(name, part.name, _KINDS.get(_folded(name)), opened)
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
        if (value or value == {}) and not is_data:
            if name == "input" and isinstance(value, dict) and owner is request:
                if value.get("id") and _says_nothing(value):
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
    folded = _folded(name)
    if (kind := _KINDS.get(folded)) is not None:
        # A container that is made for this answer alone holds nothing of anybody's.
        is_new = folded == "container" and isinstance(value, dict) and value.get("type") == "auto"
        return None if is_new or (folded in _TOP_ONLY and not at_top) else kind
    if isinstance(value, str):
        return _kind_of_text(name[:64].casefold(), folded, value)
    if isinstance(value, dict) and value.get("id"):  # an answer that was spoken, a voice that was made
        return {"audio": "responses", "voice": "others"}.get(folded)
    return None


def _kind_of_text(name: str, folded: str, value: str) -> str | None:
    """As `_kind`, of a text; `folded` is its name without underscores."""
    if folded == "type":
        return _TYPES.get(value[:64].casefold())
    if folded == "model":
        return "prompts" if _STORED_PRESET in value[:1000].casefold() else None
    if folded in ("content", "text"):
        return "files" if value.lstrip()[: len(_FILE_TEXT)].casefold() == _FILE_TEXT else None
    if folded.endswith(_ADDRESSES):
        return "files" if _OWN_ADDRESS.match(value.lstrip()[:100]) else None
    is_id = not name.endswith(_OWN_IDS) and _ID_NAME.match(name) and _ID.match(value)
    return "others" if is_id else None


def _folded(name: str) -> str:
    return name[:64].casefold().replace("_", "")


def _says_nothing(item: dict[str, Any]) -> bool:
    """Whether an item has nothing but its id: then it is a reference as well.

    Messages may be empty, and reasoning whose text the upstream keeps secret; a call of a tool has something in it.
    """
    kind = item.get("type")
    nothing: tuple[Any, ...] = (None, "", []) if isinstance(kind, str) and kind.endswith("_call") else (None, "")
    return all(name in _LABELS or value in nothing for name, value in item.items())


def _check(name: str, param: str, kind: str | None, opened: tuple[str, ...]) -> None:
    if kind is not None and kind not in opened:
        raise ReferenceNotAllowed(
            f"{name[:64]} refers to something that is stored in the account of this endpoint's owner, or has it store "
            f"something. Send all that the model needs in the request. The owner can open it with "
            f"ALLOW_REFERENCES={kind}, which opens it to every caller.",
            param=param[:64],
        )
