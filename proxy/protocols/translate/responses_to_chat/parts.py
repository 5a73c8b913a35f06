"""The contents of the Responses API's items as parts of a chat message. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_parts import Part, file_part, image_part, text_part
from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import quoted, refused

# Types of texts, and the member with the text. Reasoning is not among them.
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
_DETAILS = ("low", "high")


def parts_of(content: Any, provider: ChatProvider, where: str) -> list[Part]:
    """The parts of a content, which is a text or a list. Raises BadRequest for what the provider has no equal for."""
    if content is None:
        return []
    if isinstance(content, str):
        return [text_part(content)] if content else []
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise refused("A content must be a text or a list of parts.", where)
    return [part for one in content if (part := _part(one, provider, where)) is not None]


def texts_of(content: Any, where: str) -> list[str]:
    """The texts of a content that must have nothing else. Raises BadRequest."""
    parts = parts_of(content, ChatProvider(), where)
    if any(part["type"] != "text" for part in parts):
        raise refused("Instructions can only be texts.", where)
    return [part["text"] for part in parts]


def _part(part: dict[str, Any], provider: ChatProvider, where: str) -> Part | None:
    kind = str(part.get("type"))
    if kind in _TEXTS:
        text = part.get(_TEXTS[kind])
        if not isinstance(text, str):
            raise refused(f"A part of type {kind} needs a text.", where)
        return text_part(text) if text else None
    if kind == "input_image":
        url, detail = part.get("image_url"), part.get("detail")
        if not isinstance(url, str):
            raise refused("An image needs an image_url: this model's provider has no uploaded files.", where)
        return image_part(url, **({"detail": detail} if detail in _DETAILS else {}))
    if kind == "input_file":
        return _file(part, provider, where)
    if kind == "input_audio" and isinstance(audio := part.get("input_audio"), dict):
        return {"type": "input_audio", "input_audio": audio}
    raise refused(f"This model's provider has no equal for a part of type {quoted(kind)}. Remove it.", where)


def _file(part: dict[str, Any], provider: ChatProvider, where: str) -> Part:
    data, name = part.get("file_data"), part.get("filename")
    if not isinstance(data, str):
        raise refused("A file needs file_data: this model's provider has no uploaded files and fetches none.", where)
    if not provider.takes_files:
        raise refused("This model's provider takes no files. Send the file's text instead.", where)
    return file_part(name if isinstance(name, str) and name else "file", data)
