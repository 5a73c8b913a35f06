"""Every text of a request, whatever its shape, as the content filter reads it. Pure.

Models are shown more than messages: a provider's own fields, a document's text, a tool's description, the names of
schema properties. So only values known to hold no text are left out. Such a value must have the right name and the
right form: an id is one short word, an address has no white space, and encoded data is ASCII without white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from proxy.errors import BadRequest
from proxy.moderation.encoded_file import EncodedFile
from proxy.moderation.windows import SLICE_LENGTH, slice_end
from proxy.protocols import texts

# Values that take about a millisecond to read.
SLICE_VALUES = 2_000
# Lists of parts that a model reads as one text, and how much of each part is read again where two of them meet.
_PART_LISTS = ("content", "parts", "system", "contents")
_SEAM_LENGTH = 100  # characters

_ROLES = frozenset("system developer user assistant model tool function".split())
_LABEL = re.compile(r"[A-Za-z0-9_.:/@+-]{1,200}")
_LABELS = frozenset(
    "id type model call_id tool_call_id tool_use_id item_id file_id media_type mime_type mimeType".split()
)
# Settings at the top level of a request, which no model reads.
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
# Names of members in the relayed APIs. Callers choose all other names, so those are checked as well.
_API_NAMES = frozenset(
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

# One value's text in pieces, without any if the value has no text.
_Pieces = Iterable[str]
# A value with its name, the object that holds it, and the name of that object. Both are None in a list, and the latter
# at the top level.
_Member = tuple[str, Any, "dict[str, Any] | None", "str | None"]
# The owner of the members at the top level.
_REQUEST: dict[str, Any] = {}


def request_texts(members: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Yield the texts of a request's members in pieces of about SLICE_LENGTH characters, each text on a new line.

    An empty piece comes after SLICE_VALUES values at the latest, so that the reader can let other calls run. Raises
    BadRequest for a member that consists of token numbers, which cannot be read.
    """
    for number, pieces in enumerate(_values(members), 1):
        yield from pieces
        if number % SLICE_VALUES == 0:
            yield ""


def _values(members: Iterable[tuple[str, Any]]) -> Iterator[_Pieces]:
    """Yield the pieces of every value, and those of the names of members that the caller chose.

    It neither recurses, since the stack may be small, nor builds a list of pending values, which may be long.
    """
    levels: list[Iterator[_Member]] = [((key, value, _REQUEST, None) for key, value in members)]
    while levels:
        member = next(levels[-1], None)
        if member is None:
            levels.pop()
            continue
        key, value, owner, parent = member
        if key not in _API_NAMES and owner is not None:
            yield _text_pieces(key)
        if isinstance(value, str):
            yield from _string_pieces(key, value, owner, parent)
            continue
        yield ()
        if isinstance(value, (int, float)) and parent is None and (owner is None or key == "prompt"):
            raise BadRequest(
                "The prompt consists of token numbers, and this server checks prompts. Send it as text.",
                code="unreadable_prompt",
                param=key,
            )
        if isinstance(value, dict):
            levels.append(_object_members(value, key))
        elif isinstance(value, list):
            if key in _PART_LISTS and len(value) > 1:
                yield from _seams(value)
            levels.append(_list_items(value, key, parent))


def _object_members(owner: dict[str, Any], name: str) -> Iterator[_Member]:
    return ((key, value, owner, name) for key, value in owner.items())


def _list_items(values: list[Any], key: str, parent: str | None) -> Iterator[_Member]:
    return ((key, value, None, parent) for value in values)


def _text_pieces(text: str) -> Iterator[str]:
    """Yield a text, and once more with JSON's escapes decoded if it may be JSON: models read both."""
    yield from _slices(text)
    if "\\" in text:
        yield from _slices(text, "arguments")


def _slices(text: str, name: str = "") -> Iterator[str]:
    """Yield a text in slices, the first on a new line. With `arguments` as the name, JSON's escapes are decoded."""
    start, prefix = 0, "\n"
    while start < len(text):
        end = slice_end(text, start, SLICE_LENGTH)
        if end < len(text):
            end = start + (texts.readable_length(name, text[start:end]) or end - start)
        yield prefix + texts.readable(name, text[start:end])
        start, prefix = end, ""


def _seams(parts: list[Any]) -> Iterator[_Pieces]:
    """Yield the end of each text of a message together with the beginning of the next one.

    Models that join the parts read them so. A text without neighbours is not read again.
    """
    prefix, previous_end = "\n", ""
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            prefix, previous_end = "\n", ""
            yield ()
            continue
        if prefix:
            previous_end = text[-_SEAM_LENGTH:]
            prefix = ""
            yield ()
            continue
        if previous_end:
            yield _seam("\n" + previous_end)
            previous_end = ""
        yield _seam(text if len(text) <= 2 * _SEAM_LENGTH else f"{text[:_SEAM_LENGTH]}\n{text[-_SEAM_LENGTH:]}")


def _seam(text: str) -> _Pieces:
    return (texts.readable("", text),) if text else ()


def _string_pieces(key: str, value: str, owner: dict[str, Any] | None, parent: str | None) -> Iterator[_Pieces]:
    """Yield the pieces of a string: all of it, unless it is known to hold no text."""
    if _is_label(key, value, owner, parent):
        yield ()
        return
    owner = owner or {}
    is_file = key in _ENCODED or (key == "data" and _is_media(owner, parent))
    is_file = is_file or (key == "result" and owner.get("type") == "image_generation_call")
    url = _DATA_URL.match(value)
    if not (is_file or url):
        yield _text_pieces(value)
        return
    declared = owner.get("media_type") or owner.get("mime_type") or owner.get("mimeType")
    default = "" if key == "file_data" else "image/unknown"
    kind = url[1] if url else declared if isinstance(declared, str) else default
    # Addresses and encoded data are ASCII without white space. Anything else is also read as text.
    is_encoded = (is_file or key in _ADDRESSES) and value.isascii() and not any(blank in value for blank in " \t\r\n")
    yield () if is_encoded else _text_pieces(value)
    if not _MEDIA_FILE.match(kind):
        yield EncodedFile.of(value[url.end() if url else 0 :], kind, is_url=url is not None).decoded()


def _is_label(key: str, value: str, owner: dict[str, Any] | None, parent: str | None) -> bool:
    """Whether a string is a role, an id, a setting or an address, which have no text."""
    if key == "role" and owner is not None:
        return value in _ROLES
    if key in _LABELS or (parent is None and key in _SETTINGS):
        return _LABEL.fullmatch(value) is not None
    return key in _ADDRESSES and _ADDRESS.fullmatch(value) is not None


def _is_media(owner: dict[str, Any], parent: str | None) -> bool:
    kind = owner.get("type")
    return kind != "text" and (parent in _MEDIA or (isinstance(kind, str) and bool(_MEDIA_TYPE.search(kind))))
