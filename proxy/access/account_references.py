"""The stage that keeps what lies in the owner's account from callers who do not own it.

With a credential that the server holds, whatever a request refers to is looked up in the owner's account: another
caller's stored answer, a file, a container, a prompt, a server with tools. Such references are refused unless
ALLOW_REFERENCES opens their kind, and responses go up with `store: false`, so that nothing stays behind. Where the
credential that goes up is the caller's own, the account is too, and nothing is looked at.
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

# Members that refer to something stored, in small letters, and the kind that opens them
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
}
KINDS = {letters(name): kind for name, kind in _NAMES.items()}
# Types of items and tools that do, in small letters.
_TYPES = {"item_reference": "responses", "mcp": "mcp", "mcp_toolset": "mcp", "container_reference": "containers"}
# Addresses that the upstream opens with its own account: buckets, and files by an address of its own
# (help.aliyun.com/zh/model-studio/long-context-qwen-long, platform.moonshot.cn/docs/guide/use-kimi-vision-model,
# ai.google.dev/gemini-api/docs/files; read 2026-11-26).
_ADDRESSES = ("url", "uri", "image", "video", "audio", "data", "file", "mask")
_OWN_ADDRESS = re.compile(
    r"(?!https?:)[a-z][a-z0-9+.-]{0,20}://|https?://(?:[^/@]*@)?[a-z0-9-]*generativelanguage\.googleapis\.com[.:/]"
)
# What is to be embedded may be the name of a stored file in place of a text (LiteLLM, Gemini's embeddings).
_EMBEDDED = re.compile(r"(?:gs://|files/)[!-~]{1,200}\Z", re.IGNORECASE)
# Blanks and control characters, which who reads an address leaves out (url.spec.whatwg.org).
_BLANKS = "".join(map(chr, range(33))) + "\ufeff"
_LEFT_OUT = re.compile("[\0- \ufeff]+")
# Voices that were uploaded or made (platform.openai.com/docs/api-reference/audio, docs.siliconflow.cn).
_OWN_VOICE = re.compile(r"voice_|[^:]+:[^:]+:[^:]+:", re.IGNORECASE)
FILE_TEXT = "fileid://"
_STORED_PRESET = "@preset/"
# What an item of `input` says something with. One that has an id and none of these is looked up by the upstream.
_CONTENTS = frozenset(
    "action arguments code content diff encrypted_content error input operation output outputs patch queries refusal "
    "result results summary text tools".split()
)
# Other members that end so and hold such an id: file-…, vs_…, msg_…. Those of calls come from the request itself.
_ID_NAME = re.compile(r".*_(?:id|file)s?\Z")
_ID = re.compile(r"[a-z]{2,16}[-_][A-Za-z0-9-]{12,}\Z")
_OWN_IDS = ("call_id", "item_id", "request_id", "session_id", "tool_id", "tool_use_id", "trace_id", "user_id")
_FORM_PROMPTS = ("prompt", "input", "text", "instructions")
_TOP_ONLY = ("conversation", "background")
_BRACKETS = re.compile(r"[\[\].]+")


async def apply(call: Call) -> None:
    """Raise ReferenceNotAllowed for a reference of a kind that is not open."""
    opened = call.config.allow_references
    if "*" in opened:
        return
    for name, _ in parse_qsl(call.request.query.replace(";", "&"), keep_blank_values=True):
        _check(name, name, KINDS.get(letters(name)), opened)
    for part in call.body.form or ():
        for name in _BRACKETS.split(part.name):
            _check(name, part.name, KINDS.get(letters(name)), opened)
        if part.filename is None:
            await _look_at_text(call, part, opened)
    document = call.body.document
    if document is None or document.value is None:
        return
    await work.run(_look(document.value, call.protocol.known, opened), call.host.clock)
    if call.protocol.stores(document.get("store")) and "store" not in opened:
        call.body.document = document.setting({"store": b"false"})


def _look(request: dict[str, Any], is_known: bool, opened: tuple[str, ...]) -> Slices[None]:
    """Look at every member of the request but what is data; `is_known`: its protocol is."""
    units = 0
    for name, value, owner, is_data in walk(request):
        units += 1
        if (value or value == {}) and not is_data:
            found = kind(name, value, owner, request)
            if name == "input" and not is_known and owner is request and isinstance(value, str):
                found = "files" if _EMBEDDED.match(value[:300].strip()) else found
            shown = f"type {value[:40]!r}" if name == "type" and isinstance(value, str) else name
            _check(shown, name, found, opened)
        if units >= SLICE:
            yield units
            units = 0


def kind(name: str, value: Any, owner: dict[str, Any], request: dict[str, Any]) -> str | None:
    """The kind of what a member refers to, by the names of ALLOW_REFERENCES; None for one that refers to nothing."""
    at_top = owner is request
    if at_top and isinstance(value, dict) and name in ("input", "prompt"):
        if name == "prompt":
            return "prompts"
        return "responses" if _id_of(value) and _says_nothing(value) else None
    folded = letters(name)
    if (named := KINDS.get(folded)) is not None:
        # A container that is made for this answer alone holds nothing of anybody's.
        is_new = folded == "container" and isinstance(value, dict) and value.get("type") == "auto" and not _id_of(value)
        return None if is_new or (folded in _TOP_ONLY and not at_top) else named
    if isinstance(value, str):
        return _kind_of_text(name[:64].casefold(), folded, value)
    if isinstance(value, dict) and _id_of(value):  # an answer that was spoken, a voice that was made
        return {"audio": "responses", "voice": "others"}.get(folded)
    return None


def _kind_of_text(name: str, folded: str, value: str) -> str | None:
    """As `kind`, of a text; `folded` is its name in letters alone."""
    if folded == "type":
        return _TYPES.get(value[:64].casefold())
    if folded in ("model", "models"):
        return "prompts" if _STORED_PRESET in value[:1000].casefold() else None
    if folded in ("content", "text"):
        return "files" if start_of(value).startswith(FILE_TEXT) else None
    if folded.removesuffix("s").endswith(_ADDRESSES):
        return "files" if _OWN_ADDRESS.match(start_of(value)) else None
    if folded == "voice":
        return "others" if _OWN_VOICE.match(value[:100]) else None
    is_id = not name.endswith(_OWN_IDS) and _ID_NAME.match(name) and _ID.match(value)
    return "others" if is_id else None


def start_of(value: str) -> str:
    """How an address begins, in small letters, for a reader that leaves blanks out."""
    return _LEFT_OUT.sub("", value[:100_000].lstrip(_BLANKS)[:300]).casefold()


def _id_of(item: dict[str, Any]) -> Any:
    return next((value for name, value in item.items() if name[:64].casefold() == "id" and value), None)


def _says_nothing(item: dict[str, Any]) -> bool:
    """Whether an item has nothing but its id: then it is a reference as well.

    Messages may be empty, and reasoning whose text the upstream keeps secret; a call of a tool has something in it.
    """
    type_ = item.get("type")
    if type_ == "image_generation_call":
        return not isinstance(item.get("result"), str) or not item["result"]
    is_call = isinstance(type_, str) and type_.endswith("_call")
    if is_call and item.get("name"):
        return False  # a function without parameters
    nothing: tuple[Any, ...] = (None, "", {}, []) if is_call else (None, "", {})
    return all(name not in _CONTENTS or value in nothing for name, value in item.items())


async def _look_at_text(call: Call, part: Field, opened: tuple[str, ...]) -> None:
    """Look at a form's text as at the member of that name; some servers read JSON in it.

    Raises BadRequest for what begins like JSON and is none, where that is no prompt.
    """
    text = part.text(call.body.received)
    name = next((one for one in reversed(_BRACKETS.split(part.name)) if one), "")
    field = {name: text}
    _check(part.name, part.name, kind(name, text, field, field), opened)
    if text.lstrip()[:1] in ("{", "[") and not name.endswith(_FORM_PROMPTS):
        read = await work.run(safe_json.read(b'{"": %b}' % text.encode()), call.host.clock)
        await work.run(_look({name: read.value[""]}, False, opened), call.host.clock)


def _check(name: str, param: str, kind: str | None, opened: tuple[str, ...]) -> None:
    if kind is not None and kind not in opened:
        raise ReferenceNotAllowed(
            f"{name[:64]} refers to something that is stored in the account of this endpoint's owner, or has it store "
            f"something. Send all that the model needs in the request. The owner can open it with "
            f"ALLOW_REFERENCES={kind}, which opens it to every caller.",
            param=param[:64],
        )
