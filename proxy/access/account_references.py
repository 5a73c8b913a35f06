"""The stage that protects objects in the owner's account from callers.

With a server-held credential, the upstream resolves every reference in a request within the owner's account: another
caller's stored answer, a file, a container, a prompt, a server with tools. Such references are refused unless
ALLOW_REFERENCES opens their kind, and responses go up with `store: false`, so that nothing is stored. The stage does
not run when the caller's own credential goes up, because then the account is the caller's.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from proxy.call import Call
from proxy.errors import ReferenceNotAllowed
from proxy.wire import safe_json, work
from proxy.wire.json_walk import letters, walk
from proxy.wire.multipart import Field
from proxy.wire.work import SLICE, Slices

# Members that refer to a stored object, in lower case, with the kind that ALLOW_REFERENCES opens
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
    "knowledge_id": "vector_stores",
    "knowledge_ids": "vector_stores",
    "knowledge_base_id": "vector_stores",
    "knowledge_base_ids": "vector_stores",
    "library_id": "files",
    "library_ids": "files",
    "collection_id": "files",
    "collection_ids": "files",
    "workflow_id": "prompts",
    "bot_id": "assistants",
    "litellm_credential_name": "others",
    "file_search_store_names": "vector_stores",
    "rag_store_names": "vector_stores",
}
KINDS = {letters(name): kind for name, kind in _NAMES.items()}
# Types of items and tools that refer to a stored object, in lower case.
_TYPES = {"item_reference": "responses", "mcp": "mcp", "mcp_toolset": "mcp", "container_reference": "containers"}
# Addresses that the upstream opens with the owner's account: buckets, and files at the provider's own addresses
# (help.aliyun.com/zh/model-studio/long-context-qwen-long, platform.moonshot.cn/docs/guide/use-kimi-vision-model,
# ai.google.dev/gemini-api/docs/files; read 2026-11-26).
_ADDRESSES = ("url", "uri", "image", "video", "audio", "data", "file", "mask")
_ACCOUNT_ADDRESS = re.compile(
    r"(?!https?:)[a-z][a-z0-9+.-]{0,20}://|https?://(?:[^/@]*@)?[a-z0-9-]*generativelanguage\.googleapis\.com[.:/]"
)
# The input of an embedding may be the name of a stored file (LiteLLM, Gemini's embeddings).
_STORED_INPUT = re.compile(r"(?:gs://|files/)[!-~]{1,200}\Z", re.IGNORECASE)
# White space and control characters, which URL parsers remove (url.spec.whatwg.org).
_BLANKS = "".join(map(chr, range(33))) + "\ufeff"
_REMOVED = re.compile("[\0- \ufeff]+")
# Uploaded or custom voices (platform.openai.com/docs/api-reference/audio, docs.siliconflow.cn).
_CUSTOM_VOICE = re.compile(r"voice_|[^:]+:[^:]+:[^:]+:", re.IGNORECASE)
FILE_TEXT = "fileid://"
_STORED_PRESET = "@preset/"
# Members with the content of an item of `input`. The upstream looks up an item that has an id and none of these.
_CONTENTS = frozenset(
    "action arguments code content diff encrypted_content error input operation output outputs patch queries refusal "
    "result results summary text tools".split()
)
# Other members with such a suffix and such an id: file-…, vs_…, msg_…. Ids of calls refer to the request itself.
_ID_NAME = re.compile(r".*_(?:id|file)s?\Z")
_ID = re.compile(r"[a-z]{2,16}[-_][A-Za-z0-9-]{12,}\Z")
_LOCAL_IDS = ("call_id", "item_id", "request_id", "session_id", "tool_id", "tool_use_id", "trace_id", "user_id")
_FORM_PROMPTS = ("prompt", "input", "text", "instructions")
_TOP_ONLY = ("conversation", "background")
_BRACKETS = re.compile(r"[\[\].]+")


async def apply(call: Call) -> None:
    """Raise ReferenceNotAllowed for a reference of a kind that is not open. May set `store` to false."""
    opened = call.config.allow_references
    if "*" in opened:
        return
    for name, _ in parse_qsl(call.request.query.replace(";", "&"), keep_blank_values=True):
        _check(name, name, KINDS.get(letters(name)), opened)
    for part in call.body.form or ():
        for name in _BRACKETS.split(part.name):
            _check(name, part.name, KINDS.get(letters(name)), opened)
        if part.filename is None:
            await _check_form_text(call, part, opened)
    document = call.body.document
    if document is None or document.value is None:
        return
    await work.run(_check_members(document.value, call.protocol.known, opened), call.host.clock)
    if call.protocol.stores(document.get("store")) and "store" not in opened:
        call.body.document = document.setting({"store": b"false"})


def _check_members(request: dict[str, Any], is_known: bool, opened: tuple[str, ...]) -> Slices[None]:
    """Check every member of the request except data. `is_known` says whether Sluice knows its protocol."""
    for units, (name, value, owner, is_data) in enumerate(walk(request), 1):
        if (value or value == {}) and not is_data:
            reference = kind(name, value, owner, request)
            if name == "input" and not is_known and owner is request and isinstance(value, str):
                reference = "files" if _STORED_INPUT.match(value[:300].strip()) else reference
            label = f"type {value[:40]!r}" if name == "type" and isinstance(value, str) else name
            _check(label, name, reference, opened)
        if units % SLICE == 0:
            yield SLICE


def kind(name: str, value: Any, owner: dict[str, Any], request: dict[str, Any]) -> str | None:
    """Return the kind that a member refers to, as ALLOW_REFERENCES names it, None for one that is not a reference."""
    at_top = owner is request
    if at_top and isinstance(value, dict) and name in ("input", "prompt"):
        if name == "prompt":
            return "prompts"
        return "responses" if _id_of(value) and _has_no_content(value) else None
    folded = letters(name)
    if (member_kind := KINDS.get(folded)) is not None:
        # A container that is created for this answer holds no other caller's data.
        is_new = folded == "container" and isinstance(value, dict) and value.get("type") == "auto" and not _id_of(value)
        return None if is_new or (folded in _TOP_ONLY and not at_top) else member_kind
    if isinstance(value, str):
        return _kind_of_text(name[:64].casefold(), folded, value)
    if isinstance(value, dict) and _id_of(value):  # an earlier audio answer, a custom voice
        return {"audio": "responses", "voice": "others"}.get(folded)
    return None


def _kind_of_text(name: str, folded: str, value: str) -> str | None:
    """As `kind`, for a text. `folded` is the name reduced to letters."""
    if folded == "type":
        return _TYPES.get(value[:64].casefold())
    if folded in ("model", "models"):
        return "prompts" if _STORED_PRESET in value[:1000].casefold() else None
    if folded in ("content", "text"):
        return "files" if address_start(value).startswith(FILE_TEXT) else None
    if folded.removesuffix("s").endswith(_ADDRESSES):
        return "files" if _ACCOUNT_ADDRESS.match(address_start(value)) else None
    if folded == "voice":
        return "others" if _CUSTOM_VOICE.match(value[:100]) else None
    is_id = not name.endswith(_LOCAL_IDS) and _ID_NAME.match(name) and _ID.match(value)
    return "others" if is_id else None


def address_start(value: str) -> str:
    """Return the beginning of an address in lower case, as a URL parser reads it."""
    return _REMOVED.sub("", value[:100_000].lstrip(_BLANKS)[:300]).casefold()


def _id_of(item: dict[str, Any]) -> Any:
    return next((value for name, value in item.items() if name[:64].casefold() == "id" and value), None)


def _has_no_content(item: dict[str, Any]) -> bool:
    """Whether an item has an id and no content, which makes it a reference.

    An empty list counts as content except in tool calls: messages may be empty, and so may hidden reasoning.
    """
    type_ = item.get("type")
    if type_ == "image_generation_call":
        return not isinstance(item.get("result"), str) or not item["result"]
    is_call = isinstance(type_, str) and type_.endswith("_call")
    if is_call and item.get("name"):
        return False  # a function without parameters
    empty: tuple[Any, ...] = (None, "", {}, []) if is_call else (None, "", {})
    return all(name not in _CONTENTS or value in empty for name, value in item.items())


async def _check_form_text(call: Call, part: Field, opened: tuple[str, ...]) -> None:
    """Check a form's text field like the member with its name. Some servers parse JSON in it.

    Raises BadRequest for text that begins like JSON and is invalid, unless the field is a prompt.
    """
    text = part.text(call.body.received)
    name = next((segment for segment in reversed(_BRACKETS.split(part.name)) if segment), "")
    field = {name: text}
    _check(part.name, part.name, kind(name, text, field, field), opened)
    if text.lstrip()[:1] in ("{", "[") and not name.endswith(_FORM_PROMPTS):
        parsed = await work.run(safe_json.read(b'{"": %b}' % text.encode()), call.host.clock)
        await work.run(_check_members({name: parsed.value[""]}, False, opened), call.host.clock)


def _check(name: str, param: str, kind: str | None, opened: tuple[str, ...]) -> None:
    if kind is not None and kind not in opened:
        raise ReferenceNotAllowed(
            f"{name[:64]} refers to an object in the account of this endpoint's owner, or stores one there. Send "
            "everything that the model needs in the request. The owner can allow this for every caller with "
            f"ALLOW_REFERENCES={kind}.",
            param=param[:64],
        )
