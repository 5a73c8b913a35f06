"""Which strings in the JSON of an answer are text, for a content filter. Pure.

Only members that are known not to be text are excluded, so that a provider's own members are checked too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Labels, ids, addresses, and encoded data: sound, images, files, signatures.
NOT_TEXT = frozenset(
    "id type index format channel status object model url image_url file_id file_data filename detail call_id "
    "tool_call_id item_id signature encrypted_content logprobs obfuscation finish_reason native_finish_reason "
    "stop_reason tool_use_id "
    "content_filter_results prompt_filter_results usage created cache_control image_b64 partial_image_b64 b64_json "
    "system_fingerprint service_tier provider "
    # Gemini's
    "finishReason responseId modelVersion createTime usageMetadata safetyRatings logprobsResult thoughtSignature "
    "mimeType uri fileUri".split()
)
_ROLES = ("system", "developer", "user", "assistant", "tool", "function", "model")
# Gemini's arguments of a call are an object, whose names are the function's own: none of them is a label.
_ARGUMENTS = ".functionCall.args"
# `data` holds base64 here, as the parent key or the sibling `type` shows; elsewhere it is a list or plain text.
_MEDIA = (".audio", ".input_audio", ".image", ".input_image", ".source", ".inline_data", ".inlineData", ".file")
_MEDIA_TYPE = re.compile("audio|image|base64|encrypted|redacted")
# Members of a response that repeat its request.
_OF_REQUEST = frozenset(
    "instructions tools tool_choice metadata text prompt reasoning truncation user safety_identifier prompt_cache_key "
    "prompt_cache_retention previous_response_id incomplete_details".split()
)
_MAX_PATH = 200  # characters


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with the path of keys that leads to it, depth first.

    The path of a list's item contains its `index` member, if it has one.
    """
    return ((path, text) for path, text in walk(value, path) if text)


def walk(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Like `strings`, with an empty text for each value that is not a string.

    Without recursion, because the stack may be small, and without a list of pending values. A path is built when it is
    needed, and limited in length.
    """
    levels: list[Iterator[tuple[Any, str, str]]] = [iter([(value, path, "")])]
    while levels:
        step = next(levels[-1], None)
        if step is None:
            levels.pop()
            continue
        value, path, key = step
        if key and len(path) < _MAX_PATH:
            path = f"{path}{key[:_MAX_PATH]}"
        yield path, value if isinstance(value, str) else ""
        if isinstance(value, list):
            levels.append(_items(value, path))
        elif isinstance(value, dict):
            levels.append(_members(value, path))


def read_members(value: dict[str, Any]) -> dict[str, Any]:
    """The members of an answer or a chunk to check: all but the upstream's errors and copies of the request."""
    is_response = value.get("object") == "response" or ("output" in value and "choices" not in value)
    of_request = _OF_REQUEST if is_response else ()
    return {
        name: member
        for name, member in value.items()
        # A response's own `text` and `reasoning` are settings; a provider's may be texts.
        if name != "error" and (name not in of_request or (name in ("text", "reasoning") and isinstance(member, str)))
    }


def without_texts(answer: dict[str, Any]) -> dict[str, Any]:
    """The members of an answer that contain no text to check."""
    checked = read_members(answer)
    return {name: value for name, value in answer.items() if name not in checked or not any(strings({name: value}))}


def _items(values: list[Any], path: str) -> Iterator[tuple[Any, str, str]]:
    return ((item, path, _index(item)) for item in values)


def _members(owner: dict[str, Any], path: str) -> Iterator[tuple[Any, str, str]]:
    for key, member in owner.items():
        is_label = key in NOT_TEXT or _is_label_or_media(key, member, path, owner)
        if not is_label or _ARGUMENTS in path:
            yield member, path, f".{key}"


def _index(item: Any) -> str:
    index = item.get("index") if isinstance(item, dict) else None
    return f"[{index}]" if isinstance(index, int) else ""


def _is_label_or_media(key: str, value: Any, path: str, owner: dict[str, Any]) -> bool:
    """Whether a member of `owner`, which is at `path`, is known not to be text although its key is not in NOT_TEXT."""
    if key == "role":
        return value in _ROLES
    if key == "data":
        kind = owner.get("type")
        is_media = path.endswith(_MEDIA) or (isinstance(kind, str) and _MEDIA_TYPE.search(kind) is not None)
        return isinstance(value, str) and is_media
    return key == "result" and owner.get("type") == "image_generation_call"
