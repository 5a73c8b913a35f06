"""Every text of a request, whatever its shape: a content filter leaves out only what is known to hold none. Pure.

A field of a provider's own, a document's text, a tool's description or the name of a property of a schema: a model is
shown all of them. What is left out must have the right name and look like what it should be: an id is one short word,
an address has no blanks, and what is encoded neither blanks nor letters that are not ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from proxy.errors import BadRequest
from proxy.moderation.encoded_file import EncodedFile
from proxy.moderation.windows import LENGTH, slice_end
from proxy.protocols import texts

# Values that are looked at in about a millisecond.
NODES = 2_000
# Lists of parts that a model reads as one text, and how much of each is looked at again where two of them meet.
_PARTS = ("content", "parts", "system", "contents")
_SEAM = 100  # characters

_ROLES = frozenset("system developer user assistant model tool function".split())
_WORD = re.compile(r"[A-Za-z0-9_.:/@+-]{1,200}")
_LABELS = frozenset(
    "id type model call_id tool_call_id tool_use_id item_id file_id media_type mime_type mimeType".split()
)
# At the top of a request these are settings of the call, and no model reads them.
_SETTINGS = frozenset(
    "background encoding_format language modalities moderation moderation_level output_format previous_response_id "
    "prompt_cache_key prompt_cache_retention quality reasoning_effort response_format safety_identifier service_tier "
    "size style timestamp_granularities tool_choice truncation user verbosity voice".split()
)
_ADDRESSES = frozenset("url image_url file_url uri fileUri".split())
_ADDRESS = re.compile(r"(?:https?|gs|s3)://[!-~]{1,8000}")
_ENCODED = frozenset("file_data b64_json signature encrypted_content thoughtSignature thought_signature".split())
_MEDIA = frozenset("audio input_audio image input_image source inline_data inlineData file".split())
_MEDIA_TYPE = re.compile("audio|image|base64|encrypted")
_DATA_URL = re.compile(r"\s{0,100}data:([^,]{0,4000}),", re.IGNORECASE)
_MEDIA_FILE = re.compile(r"audio/|video/|font/|image/(?!svg)", re.IGNORECASE)
# Names of members in the APIs that are relayed. Any other name is a caller's own word.
_NAMES = frozenset(
    "additionalProperties allOf allowed_tools annotations anyOf args arguments audio background best_of bytes "
    "cache_control call_id candidateCount citations code const content contents context_management conversation "
    "custom data default definition definitions description detail developer document documents effort "
    "encrypted_content end_index enum examples file file_data file_id file_url filename filters finish_reason "
    "format frequency_penalty function functionCall functionDeclarations functionResponse function_call functions "
    "generationConfig grammar id image image_url images include include_usage index inlineData input input_audio "
    "instructions is_error items json_schema language logit_bias logprobs max maxItems maxLength maxOutputTokens "
    "max_completion_tokens max_output_tokens max_tokens maximum media_type message messages metadata mimeType min "
    "minItems minLength minimum modalities model moderation moderation_level n name null nullable object oneOf "
    "options output output_text parallel_tool_calls parameters part parts pattern prediction presence_penalty "
    "previous_response_id prompt prompt_cache_key prompt_cache_retention properties property quality query "
    "reasoning reasoning_content reasoning_details reasoning_effort ref refusal required response response_format "
    "result results role safety_identifier schema search_context_size seed service_tier signature size source "
    "start_index status stop stop_sequences store stream stream_options strict string style suffix summary syntax "
    "system systemInstruction system_instruction temperature text thinking thought timestamp_granularities title "
    "tool tool_call_id tool_calls tool_choice tool_use_id tools topK topP top_k top_logprobs top_p truncation type "
    "uniqueItems uri url user user_location value values variables verbosity version voice web_search_options".split()
)


class _Seam(str):
    """What stands where two parts of one message meet, as a model that joins them reads it."""

    __slots__ = ()


def request_texts(members: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """The texts of a request's members in pieces of at most LENGTH characters or so, each text on a line of its own.

    An empty piece comes after NODES values at the latest. Whoever takes the pieces lets others run now and then.
    Raises BadRequest for what nobody can read here: a member that is made of numbers, each a token.
    """
    for number, text in enumerate(_strings(members), 1):
        if isinstance(text, EncodedFile):
            yield from text.decoded()
        elif isinstance(text, _Seam):
            if text:
                yield texts.readable("", text)
        elif text:
            yield from _cut(text)
            if "\\" in text:  # JSON within a text: models read its escapes
                yield from _cut(text, "arguments")
        if number % NODES == 0:
            yield ""


def _cut(text: str, name: str = "") -> Iterator[str]:
    """A text in pieces, the first on a line of its own; with `arguments` for a name without JSON's escapes."""
    at, mark = 0, "\n"
    while at < len(text):
        end = slice_end(text, at, LENGTH)
        end = at + (texts.readable_length(name, text[at:end]) or end - at) if end < len(text) else end
        yield mark + texts.readable(name, text[at:end])
        at, mark = end, ""


def _strings(members: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """All strings, and callers' own names of members; an empty one for each value that is none.

    Without recursion, which may be dear, and without a list of what is still to come, which may be long.
    """
    levels: list[Iterator[_Found]] = [((key, value, _TOP, None) for key, value in members)]
    while levels:
        found = next(levels[-1], None)
        if found is None:
            levels.pop()
            continue
        key, value, owner, parent = found
        if key not in _NAMES and owner is not None:
            yield key
        if isinstance(value, str):
            yield from _shown(key, value, owner, parent)
            continue
        yield ""
        if isinstance(value, (int, float)) and parent is None and (owner is None or key == "prompt"):
            raise BadRequest(
                "The prompt is made of token numbers, and this server checks prompts. Send it as text.",
                code="unreadable_prompt",
                param=key,
            )
        if isinstance(value, dict):
            levels.append(_members(value, key))
        elif isinstance(value, list):
            if key in _PARTS and len(value) > 1:
                yield from _seams(value)
            levels.append(_items(value, key, parent))


# The request itself.
_TOP: dict[str, Any] = {}
# A value with the name that it has, the object that it is in, and the name of that; None at the top.
_Found = tuple[str, Any, "dict[str, Any] | None", "str | None"]


def _members(owner: dict[str, Any], parent: str) -> Iterator[_Found]:
    return ((key, value, owner, parent) for key, value in owner.items())


def _items(values: list[Any], key: str, parent: str | None) -> Iterator[_Found]:
    return ((key, value, None, parent) for value in values)


def _seams(parts: list[Any]) -> Iterator[_Seam]:
    """The ends of each text of a message and the beginning of the next one, without a break between them.

    A text without neighbours has none, and is not looked at twice.
    """
    mark, before = "\n", ""
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            mark, before = "\n", ""
            yield _Seam()
            continue
        if mark:
            before = text[-_SEAM:]
            mark = ""
            yield _Seam()
            continue
        if before:
            yield _Seam("\n" + before)
            before = ""
        yield _Seam(text if len(text) <= 2 * _SEAM else f"{text[:_SEAM]}\n{text[-_SEAM:]}")


def _shown(key: str, value: str, owner: dict[str, Any] | None, parent: str | None) -> tuple[str, ...]:
    """What a model is shown of a string, as far as it is text: all of it unless it is known to be none."""
    if key == "role" and owner is not None:
        return ("" if value in _ROLES else value,)
    if key in _LABELS or (parent is None and key in _SETTINGS):
        return ("" if _WORD.fullmatch(value) else value,)
    if key in _ADDRESSES and _ADDRESS.fullmatch(value):
        return ("",)
    owner = owner or {}
    is_file = key in _ENCODED or (key == "data" and _is_media(owner, parent))
    is_file = is_file or (key == "result" and owner.get("type") == "image_generation_call")
    url = _DATA_URL.match(value)
    if not (is_file or url):
        return (value,)
    said = owner.get("media_type") or owner.get("mime_type") or owner.get("mimeType")
    kind = url[1] if url else said if isinstance(said, str) else "" if key == "file_data" else "image/unknown"
    # Neither an address nor what is encoded has blanks or other letters than ASCII: what has them is read as it is too.
    is_plain = (is_file or key in _ADDRESSES) and value.isascii() and not any(blank in value for blank in " \t\r\n")
    shown = "" if is_plain else value
    if _MEDIA_FILE.match(kind):
        return (shown,)
    return (shown, EncodedFile.of(value[url.end() if url else 0 :], kind, is_url=url is not None))


def _is_media(owner: dict[str, Any], parent: str | None) -> bool:
    kind = owner.get("type")
    return kind != "text" and (parent in _MEDIA or (isinstance(kind, str) and bool(_MEDIA_TYPE.search(kind))))
