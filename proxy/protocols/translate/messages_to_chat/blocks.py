"""Content blocks of the Messages API as parts of a chat message. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.chat_parts import Part, file_part, image_part, text_part
from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import Dropped, quoted, refused

_PDF = "application/pdf"


def blocks_of(content: Any, where: str) -> list[dict[str, Any]]:
    """The blocks of a content, which may be a string. Raises BadRequest for anything else."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [text_part(content)]
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise refused("The content of a message must be a string or a list of blocks.", where)
    return content


def parts_of(block: dict[str, Any], provider: ChatProvider, dropped: Dropped, where: str) -> list[Part]:
    """The parts for one block of text, an image, a document or a search result. Raises BadRequest for others."""
    kind = block.get("type")
    if block.get("citations"):
        dropped.add("citations")
    if kind == "text":
        text = block.get("text")
        if not isinstance(text, str):
            raise refused("A text block needs a text.", where)
        return [text_part(text)] if text else []
    if kind == "image":
        return [_image(block, where)]
    if kind == "document":
        return _document(block, provider, dropped, where)
    if kind == "search_result":
        texts = [block.get("title"), block.get("source")]
        texts += [part.get("text") for part in as_list(block.get("content")) if isinstance(part, dict)]
        return [text_part("\n".join(text for text in texts if isinstance(text, str)))]
    if kind == "tool_reference":  # what a client's own search for tools found: the tools are all in the request
        return [text_part(f"Tool {quoted(block.get('tool_name'))} is available.")]
    raise refused(
        f"This model's provider has no equal for a content block of type {quoted(kind)}. Remove the block, or call a "
        "model that is served through the Messages API.",
        where,
    )


def _image(block: dict[str, Any], where: str) -> Part:
    source = block.get("source")
    source = source if isinstance(source, dict) else {}
    url = source.get("url")
    if source.get("type") == "base64" and all(isinstance(source.get(name), str) for name in ("media_type", "data")):
        url = f"data:{source['media_type']};base64,{source['data']}"
    if not isinstance(url, str):
        raise refused("An image needs base64 data or a URL: this model's provider has no uploaded files.", where)
    return image_part(url)


def _document(block: dict[str, Any], provider: ChatProvider, dropped: Dropped, where: str) -> list[Part]:
    source = block.get("source")
    source = source if isinstance(source, dict) else {}
    kind, data = source.get("type"), source.get("data")
    parts: list[Part] = [text_part(text) for name in ("title", "context") if isinstance(text := block.get(name), str)]
    if kind == "text" and isinstance(data, str):
        return [*parts, text_part(data)]
    if kind == "content":
        for inner in blocks_of(source.get("content"), where):
            if inner.get("type") not in ("text", "image"):
                raise refused("A document's content may have blocks of text and images.", where)
            parts += parts_of(inner, provider, dropped, where)
        return parts
    if kind == "base64" and isinstance(data, str) and provider.takes_files:
        title = block.get("title")
        name = title if isinstance(title, str) and title else "document.pdf"
        return [*parts, file_part(name, f"data:{_PDF};base64,{data}")]
    raise refused(
        "This model's provider reads documents only as text. Send the document's text, or call a model that is served "
        "through the Messages API.",
        where,
    )
