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

from proxy.cost import audio_size, schema_size
from proxy.wire.json_walk import walk
from proxy.wire.work import SLICE, Slices

# An image may cost this many tokens (eight tiles of gpt-4o-mini, the dearest that is known), however few bytes it has
# (platform.openai.com/docs/guides/images-vision, read 2026-11-23).
IMAGE_TOKENS = 48_169
# What stands around messages and tools and has no bytes in the request: an answer's primer, a namespace.
FRAME_TOKENS = 256
# Tools that the caller runs itself, and the instructions that a provider brings along for one of them.
_CLIENT_TOOLS = ("apply_patch", "bash", "computer", "local_shell", "memory", "text_editor")
_CLIENT_TOOL_TOKENS = 4_000
_PLAIN_TOOLS = ("function", "custom", "namespace", None)
# Members that bring in what is not in the request, by their names alone.
_BRINGS = frozenset(
    "assistant_id cached_content cachedcontent connector_id container container_id conversation enable_search file_id "
    "file_ids mcp_servers plugins previous_response_id prompt_id search_options search_parameters server_url skills "
    "skill_id thread_id vector_store_id vector_store_ids web_search web_search_options".split()
)
# Members that are read as text, whatever it looks like.
_TEXTS = frozenset(
    "arguments content description documents id input instructions model name output prompt prompt_cache_key query "
    "quote reasoning reasoning_content refusal role safety_identifier stop suffix summary system text thinking title "
    "type user".split()
)
# A scheme, or a host behind two slashes: base64 may begin with those, and has no dot.
_ADDRESS = re.compile(r"\s*(?:(?:https?|ftp|gs|s3|file|blob|data):\S|//[\w-]+\.)", re.IGNORECASE)
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
    has_sound: bool = False

    def counted(self, count: Callable[[str], int], image_tokens: int = IMAGE_TOKENS) -> int:
        """The bound with each text's own tokens in place of its bytes, and two more where it meets its neighbours.

        `image_tokens` is the most that an image has for this model.
        """
        rest = self.tokens - self.text_bytes - self.images * (IMAGE_TOKENS - image_tokens)
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
        elif isinstance(value, dict) and not is_data:
            if name == "tools":
                _tool(bound, value)
            elif "image" in name:
                images.add(id(value))
        if value and not is_data and name.casefold() in _BRINGS:
            bound.name(name, "brings in what is not in the request")
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


def _kind(name: str, value: str, owner: dict[str, Any], in_image: bool) -> str:
    """What a text that nobody reads as one is: inline (an image itself), image (its address), sound, address, other."""
    mime = next((owner[one] for one in _MIME_NAMES if isinstance(owner.get(one), str)), "")
    if value[:11].casefold() == "data:image/" or (name == "data" and mime[:6].casefold() == "image/"):
        return "inline"
    if name == "data" and isinstance(owner.get("format"), str):
        return "sound"
    is_image = in_image or "image" in f"{name[:100]} {str(owner.get('type'))[:100]}".casefold()
    if _ADDRESS.match(value) and value[:5].casefold() != "data:":
        return "image" if is_image else "address"
    return "image" if is_image and "image" in name.casefold() else "other"


def _text(bound: Bound, name: str, value: str, kind: str | None) -> None:
    """Take a text into account; `kind` is None for one that is read as text."""
    if kind in ("image", "inline"):
        bound.tokens += IMAGE_TOKENS
        bound.images += 1
    elif kind == "address":
        bound.name(name, "leads to something that is not in the request")
    if kind == "inline":  # it has as many tokens as its size says, whatever its bytes
        bound.tokens -= len(value)
    elif kind == "sound":
        bound.has_sound = True
        if (tokens := audio_size.most_tokens(value)) is not None:
            bound.tokens += min(tokens - len(value), 0)
    elif kind is None and len(value) >= _WORTH_COUNTING:
        bound.texts.append(value)
        bound.text_bytes += len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def _tool(bound: Bound, tool: dict[str, Any]) -> None:
    kind = tool.get("type")
    if kind in _PLAIN_TOOLS:
        return
    environment = tool.get("environment")
    # These two run at the provider unless they say otherwise.
    is_local = kind == "shell" and isinstance(environment, dict) and environment.get("type") == "local"
    is_local = is_local or (kind == "tool_search" and tool.get("execution") == "client")
    if is_local or (isinstance(kind, str) and kind.startswith(_CLIENT_TOOLS)):
        bound.tokens += _CLIENT_TOOL_TOKENS
    else:
        bound.name("tools", f"have one of the provider's own, {str(kind)[:40]!r}, whose price nobody knows beforehand")
