"""An upper bound on the tokens of a request's prompt, whatever tokenizer reads it. Pure, in slices.

A token has at least one byte, so the body's bytes bound its tokens. The exceptions are images and schemas that repeat
themselves, which have more tokens than bytes. Content outside the request has no bound; it is named instead. Guards
decide by this bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from proxy.access import account_references
from proxy.cost import audio_size, schema_size
from proxy.wire.json_walk import letters, walk
from proxy.wire.work import SLICE, Slices

# The most tokens of an image, however few bytes it has: eight tiles of gpt-4o-mini, the highest count known
# (platform.openai.com/docs/guides/images-vision, read 2026-11-23).
IMAGE_TOKENS = 48_169
# Tokens that providers add around messages and tools, such as an answer's primer or a namespace.
FRAME_TOKENS = 256
# Tools that the caller runs, and the tokens of the instructions that a provider adds for each of them.
_CLIENT_TOOLS = ("apply_patch", "bash", "computer", "local_shell", "memory", "text_editor")
_CLIENT_TOOL_TOKENS = 4_000
_PLAIN_TOOLS = ("function", "custom", "namespace")
# Members that make a tool a hosted one whatever its type, reduced to letters (ai.google.dev, LiteLLM).
_HOSTED_TOOLS = frozenset(
    "codeexecution computeruse enterprisewebsearch filesearch googlemaps googlesearch googlesearchretrieval retrieval "
    "urlcontext websearch".split()
)
# The member of a tool in Google's API that lists functions.
_DECLARATIONS = "functiondeclarations"
_CLIENT_ENVIRONMENTS = ("local", None)
# Members that add content from outside the request, by their names alone.
_EXTERNAL = frozenset(account_references.KINDS) - frozenset(
    "approvalrequestid background litellmcredentialname serverlabel trainingfile validationfile".split()
) | frozenset("compaction compactthreshold connectors enableenhancement plugins".split())
_DISABLED = (None, False, 0, "", "none", "off", "disabled", "never", "false")
# Members that models read as text, whatever it looks like.
_TEXTS = frozenset(
    "arguments content description documents id input instructions model name output prompt prompt_cache_key query "
    "quote reasoning reasoning_content refusal role safety_identifier stop suffix summary system text thinking title "
    "type user".split()
)
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]{0,20}://|(?:https?|file|blob|data):|//)\S", re.IGNORECASE)
# Only in these formats does audio have fewer tokens than bytes: other formats store seconds of silence in a few bytes.
# For WAV the declared sample rate counts (audio_size).
_BOUNDED_AUDIO = ("wav", "mp3", "pcm16")
_PACKED = ("audio", "b64_json", "bytes", "file_data", "video")
_SECRET = re.compile("encrypted|redacted")  # reasoning that only the upstream can read
_TEXT_MIME = re.compile(r"text/|application/json|\Z", re.IGNORECASE)
_MIME_NAMES = ("media_type", "mime_type", "mimeType")
# Shorter texts, in characters, are not counted: their bytes are a close enough bound.
_MIN_COUNTED_LENGTH = 64


@dataclass(slots=True)
class PromptBound:
    """The bound of one prompt.

    `tokens` is the bound. `unbounded` names what has none: the member, and what it does. `texts` are the texts that a
    known tokenizer can count, and `text_bytes` what they contribute to `tokens` before that. Content that is not read
    as text, such as a file, contributes its bytes.
    """

    tokens: int
    unbounded: tuple[str, str] | None = None
    texts: list[str] = field(default_factory=list)
    text_bytes: int = 0
    images: int = 0
    file_member: str | None = None  # the member with a packed file, whose tokens only the context window bounds
    packed_tokens: int = 0  # the share of packed files and audio in `tokens`, which says little of their real size
    has_audio: bool = False
    has_long_cache: bool = False  # a part is cached for an hour, which costs more

    def with_counts(self, count: Callable[[str], int], image_tokens: int | None = None) -> int:
        """Return the bound with the tokens of each text in place of its bytes, plus two where it meets its neighbours.

        `image_tokens` is the most tokens that an image has for this model, None where that is unknown.
        """
        saved = 0 if image_tokens is None else IMAGE_TOKENS - image_tokens
        rest = self.tokens - self.text_bytes - self.images * saved
        return rest + sum(count(text) + 2 for text in self.texts)

    def mark_unbounded(self, member: str, reason: str) -> None:
        """Name a member that has no bound. The first one counts."""
        self.unbounded = self.unbounded or (member, reason)


def prompt_bound(request: dict[str, Any], size: int) -> Slices[PromptBound]:
    """Bound the prompt of a request whose JSON has `size` bytes."""
    bound = PromptBound(size + FRAME_TOKENS)
    image_objects: set[int] = set()  # objects in a member such as image_url
    units = 0
    for name, value, owner, is_data in walk(request):
        units += 1
        if isinstance(value, str):
            units += len(value) // 512
            is_text = is_data or name in _TEXTS
            _add_text(bound, name, value, None if is_text else _kind(name, value, owner, id(owner) in image_objects))
            if not is_data and account_references.address_start(value).startswith(account_references.FILE_TEXT):
                bound.mark_unbounded(name, "adds content from outside the request")
        elif isinstance(value, dict) and not is_data:
            if name.casefold() == "tools":
                units += len(value)
                _add_tool(bound, value)
            elif "image" in name:
                image_objects.add(id(value))
        if (value or value == {}) and not is_data:
            _check_member(bound, name, value, owner, request)
        if units >= SLICE:
            yield units
            units = 0
    if isinstance(request.get("prompt"), dict):
        bound.mark_unbounded("prompt", "is a template that is stored elsewhere")
    added = yield from schema_size.added_bytes(request)
    if added is None:
        bound.mark_unbounded("tools", "have a schema that repeats itself too often")
    bound.tokens += added or 0
    return bound


def _check_member(bound: PromptBound, name: str, value: Any, owner: dict[str, Any], request: dict[str, Any]) -> None:
    """Note whether a member adds anything besides its own text."""
    folded = letters(name)
    is_stored = account_references.kind(name, value, owner, request) == "responses"
    if folded in _EXTERNAL or is_stored or ("search" in folded and value not in _DISABLED):
        bound.mark_unbounded(name, "adds content from outside the request")
    elif folded == "type" and isinstance(value, str) and value[:7].casefold() == "compact":
        if not owner.get("encrypted_content"):  # with it, this is the result of an earlier compaction
            bound.mark_unbounded(name, "has the model read and rewrite the prompt once more")
    elif folded == "ttl" and value != "5m":
        bound.has_long_cache = True


def _kind(name: str, value: str, owner: dict[str, Any], in_image: bool) -> str:
    """Classify a text that models do not read as text.

    Returns inline (an image's own bytes), image (its address), audio, file, address or other.
    """
    mime = next((owner[member] for member in _MIME_NAMES if isinstance(owner.get(member), str)), "")
    kind, start = owner.get("type"), account_references.address_start(value)[:100]
    is_image = in_image or "image" in f"{name[:100]} {kind[:100] if isinstance(kind, str) else ''}".casefold()
    if start[:5].casefold() == "data:":
        if is_image and start[:11].casefold() == "data:image/":
            return "inline"
        return "other" if _TEXT_MIME.match(re.split("[;,]", start[5:], maxsplit=1)[0]) else "file"
    if name == "data" and not (isinstance(kind, str) and _SECRET.search(kind[:100])):
        if mime[:6].casefold() == "image/":
            return "inline"
        if owner.get("format") in _BOUNDED_AUDIO:
            return "audio"
        return "other" if mime and _TEXT_MIME.match(mime) else "file"
    if name in _PACKED and not _ADDRESS.match(start):
        return "file"
    if _ADDRESS.match(start):
        return "image" if is_image else "address"
    return "image" if is_image and "image" in name.casefold() else "other"


def _add_text(bound: PromptBound, name: str, value: str, kind: str | None) -> None:
    """Add a text to the bound. `kind` is None for one that models read as text."""
    if kind in ("image", "inline"):
        bound.tokens += IMAGE_TOKENS
        bound.images += 1
    elif kind == "file":
        bound.file_member = bound.file_member or name
    elif kind == "address":
        bound.mark_unbounded(name, "leads to content outside the request")
    if kind == "inline":  # its tokens depend on the size of the image, not on its bytes
        bound.tokens -= len(value)
    elif kind in ("file", "audio"):
        tokens = audio_size.max_tokens(value) if kind == "audio" else None
        size = len(value) if tokens is None else tokens
        bound.has_audio = bound.has_audio or kind == "audio"
        bound.tokens += size - len(value)
        bound.packed_tokens += size
    elif kind is None and len(value) >= _MIN_COUNTED_LENGTH:
        bound.texts.append(value)
        bound.text_bytes += len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def _add_tool(bound: PromptBound, tool: dict[str, Any]) -> None:
    if all(letters(name) == _DECLARATIONS for name in tool):
        return
    types = [value for name, value in tool.items() if name[:64].casefold() == "type" and value is not None]
    kind = types[0] if types else None if "name" in tool or "function" in tool else next(iter(tool), None)
    hosted = next((name for name in tool if letters(name) in _HOSTED_TOOLS), None)
    if hosted is None and len(types) <= 1 and (kind is None or kind in _PLAIN_TOOLS):
        return
    environment = tool.get("environment")
    runs_at_client = not isinstance(environment, dict) or environment.get("type") in _CLIENT_ENVIRONMENTS
    if (
        hosted is None
        and len(types) == 1
        and isinstance(kind, str)
        and kind.startswith(_CLIENT_TOOLS)
        and runs_at_client
    ):
        bound.tokens += _CLIENT_TOOL_TOKENS
    else:
        label = (hosted or (kind if isinstance(kind, str) else "unknown"))[:40]
        bound.mark_unbounded("tools", f"include a hosted tool of the provider, {label!r}, whose price is unknown")
