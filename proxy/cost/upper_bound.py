"""More tokens than a request's prompt can have, whatever tokenizer reads it. Pure, in slices; guards decide by it.

A token is at least one byte of what the caller sent, so the body's own bytes bound its tokens, but for what has more
tokens than bytes: images, and schemas that repeat themselves. What lies outside of the request has no bound at all and
is named.
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

# An image may cost this many tokens (eight tiles of gpt-4o-mini, the dearest that is known), however few bytes it has
# (platform.openai.com/docs/guides/images-vision, read 2026-11-23).
IMAGE_TOKENS = 48_169
# What stands around messages and tools and has no bytes in the request: an answer's primer, a namespace.
FRAME_TOKENS = 256
# Tools that the caller runs itself, and the instructions that a provider brings along for one of them.
_CLIENT_TOOLS = ("apply_patch", "bash", "computer", "local_shell", "memory", "text_editor")
_CLIENT_TOOL_TOKENS = 4_000
_PLAIN_TOOLS = ("function", "custom", "namespace")
# What else makes a tool one that a provider runs, in letters alone, whatever its type says (ai.google.dev, LiteLLM).
_HOSTED = frozenset(
    "codeexecution computeruse enterprisewebsearch filesearch googlemaps googlesearch googlesearchretrieval retrieval "
    "urlcontext websearch".split()
)
_OWN_ENVIRONMENT = ("local", None)
# Members that bring in what is not in the request, by their names alone.
_BRINGS = frozenset(account_references.KINDS) - frozenset(
    "approvalrequestid background litellmcredentialname serverlabel trainingfile validationfile".split()
) | frozenset("compaction compactthreshold connectors enableenhancement plugins".split())
_NO = (None, False, 0, "", "none", "off", "disabled", "never", "false")
# Members that are read as text, whatever it looks like.
_TEXTS = frozenset(
    "arguments content description documents id input instructions model name output prompt prompt_cache_key query "
    "quote reasoning reasoning_content refusal role safety_identifier stop suffix summary system text thinking title "
    "type user".split()
)
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]{0,20}://|(?:https?|file|blob|data):|//)\S", re.IGNORECASE)
# Sounds have fewer tokens than bytes in these formats alone: others say seconds of silence in a few bytes. What a WAV
# file says of its own rate counts (audio_size).
_SOUNDS = ("wav", "mp3", "pcm16")
_PACKED = ("audio", "b64_json", "bytes", "file_data", "video")
_SECRET = re.compile("encrypted|redacted")  # reasoning that the upstream alone can read
_TEXT_MIME = re.compile(r"text/|application/json|\Z", re.IGNORECASE)
_MIME_NAMES = ("media_type", "mime_type", "mimeType")
# Texts of fewer characters are not worth counting: their bytes are bound enough.
_WORTH_COUNTING = 64


@dataclass(slots=True)
class Bound:
    """`tokens` is the bound. `unbounded` names what has none: the member, and what it does.

    `texts` are those that a known tokenizer could count, and `text_bytes` what they add to the bound until then. What
    is not read as text, a file for one, counts as its bytes.
    """

    tokens: int
    unbounded: tuple[str, str] | None = None
    texts: list[str] = field(default_factory=list)
    text_bytes: int = 0
    images: int = 0
    files: str | None = None  # a member with a packed file: only the model's context window bounds its tokens
    packed_tokens: int = 0  # what packed files and sounds add to the bound, which says little of what they have
    has_sound: bool = False
    keeps_long: bool = False  # something is to be kept for an hour, which is dearer

    def counted(self, count: Callable[[str], int], image_tokens: int | None = None) -> int:
        """The bound with each text's own tokens in place of its bytes, and two more where it meets its neighbours.

        `image_tokens` is the most that an image has for this model, None where that is not known.
        """
        saved = 0 if image_tokens is None else IMAGE_TOKENS - image_tokens
        rest = self.tokens - self.text_bytes - self.images * saved
        return rest + sum(count(text) + 2 for text in self.texts)

    def name(self, member: str, what: str) -> None:
        """Name what has no bound; the first one counts."""
        self.unbounded = self.unbounded or (member, what)


def of(request: dict[str, Any], size: int) -> Slices[Bound]:
    """The bound of a request that has `size` bytes of JSON."""
    bound = Bound(size + FRAME_TOKENS)
    images: set[int] = set()  # objects that a member called image_url or the like holds
    units = 0
    for name, value, owner, is_data in walk(request):
        units += 1
        if isinstance(value, str):
            units += len(value) // 512
            plain = is_data or name in _TEXTS
            _text(bound, name, value, None if plain else _kind(name, value, owner, id(owner) in images))
            if not is_data and account_references.start_of(value).startswith(account_references.FILE_TEXT):
                bound.name(name, "brings in what is not in the request")
        elif isinstance(value, dict) and not is_data:
            if name.casefold() == "tools":
                units += len(value)
                _tool(bound, value)
            elif "image" in name:
                images.add(id(value))
        if (value or value == {}) and not is_data:
            _member(bound, name, value, owner, request)
        if units >= SLICE:
            yield units
            units = 0
    if isinstance(request.get("prompt"), dict):
        bound.name("prompt", "is a template that is stored elsewhere")
    more = yield from schema_size.added(request)
    if more is None:
        bound.name("tools", "have a schema that repeats itself too often")
    bound.tokens += more or 0
    return bound


def _member(bound: Bound, name: str, value: Any, owner: dict[str, Any], request: dict[str, Any]) -> None:
    """Look at what a member asks for that is not in its own text."""
    folded = letters(name)
    is_stored = account_references.kind(name, value, owner, request) == "responses"
    if folded in _BRINGS or is_stored or ("search" in folded and value not in _NO):
        bound.name(name, "brings in what is not in the request")
    elif folded == "type" and isinstance(value, str) and value[:7].casefold() == "compact":
        if not owner.get("encrypted_content"):  # with it, it is what came of an earlier compaction
            bound.name(name, "has the prompt read and written once more")
    elif folded == "ttl" and value != "5m":
        bound.keeps_long = True


def _kind(name: str, value: str, owner: dict[str, Any], in_image: bool) -> str:
    """What a text that nobody reads as one is: inline (an image's own bytes), image (its address), sound, file, address
    or other.
    """
    mime = next((owner[one] for one in _MIME_NAMES if isinstance(owner.get(one), str)), "")
    kind, start = owner.get("type"), account_references.start_of(value)[:100]
    is_image = in_image or "image" in f"{name[:100]} {kind[:100] if isinstance(kind, str) else ''}".casefold()
    if start[:5].casefold() == "data:":
        if is_image and start[:11].casefold() == "data:image/":
            return "inline"
        return "other" if _TEXT_MIME.match(re.split("[;,]", start[5:], maxsplit=1)[0]) else "file"
    if name == "data" and not (isinstance(kind, str) and _SECRET.search(kind[:100])):
        if mime[:6].casefold() == "image/":
            return "inline"
        if owner.get("format") in _SOUNDS:
            return "sound"
        return "other" if mime and _TEXT_MIME.match(mime) else "file"
    if name in _PACKED and not _ADDRESS.match(start):
        return "file"
    if _ADDRESS.match(start):
        return "image" if is_image else "address"
    return "image" if is_image and "image" in name.casefold() else "other"


def _text(bound: Bound, name: str, value: str, kind: str | None) -> None:
    """Take a text into account; `kind` is None for one that is read as text."""
    if kind in ("image", "inline"):
        bound.tokens += IMAGE_TOKENS
        bound.images += 1
    elif kind == "file":
        bound.files = bound.files or name
    elif kind == "address":
        bound.name(name, "leads to something that is not in the request")
    if kind == "inline":  # it has as many tokens as its size says, whatever its bytes
        bound.tokens -= len(value)
    elif kind in ("file", "sound"):
        tokens = audio_size.most_tokens(value) if kind == "sound" else None
        size = len(value) if tokens is None else tokens
        bound.has_sound = bound.has_sound or kind == "sound"
        bound.tokens += size - len(value)
        bound.packed_tokens += size
    elif kind is None and len(value) >= _WORTH_COUNTING:
        bound.texts.append(value)
        bound.text_bytes += len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def _tool(bound: Bound, tool: dict[str, Any]) -> None:
    kinds = [value for name, value in tool.items() if name[:64].casefold() == "type" and value is not None]
    kind = kinds[0] if kinds else None if "name" in tool or "function" in tool else next(iter(tool), None)
    hosted = next((name for name in tool if letters(name) in _HOSTED), None)
    if hosted is None and len(kinds) <= 1 and (kind is None or kind in _PLAIN_TOOLS):
        return
    environment = tool.get("environment")
    is_own = not isinstance(environment, dict) or environment.get("type") in _OWN_ENVIRONMENT
    if hosted is None and len(kinds) == 1 and isinstance(kind, str) and kind.startswith(_CLIENT_TOOLS) and is_own:
        bound.tokens += _CLIENT_TOOL_TOKENS
    else:
        told = hosted or (kind if isinstance(kind, str) else "an unknown one")
        told = told[:40]
        bound.name("tools", f"have one of the provider's own, {told!r}, whose price nobody knows beforehand")
