"""Parts of a chat message as parts of an input message. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.members import as_list
from proxy.protocols.translate.dropped import quoted, refused

Part = dict[str, Any]

_FILE_MEMBERS = ("file_data", "filename", "file_id")


def input_parts(content: Any, where: str) -> list[Part]:
    """The parts of a message's content. Raises BadRequest for what the Responses API has no equal for."""
    if isinstance(content, str):
        return [{"type": "input_text", "text": content}]
    if not isinstance(content, list) or not content:
        raise refused("The content of a message must be a string or a list of parts.", where)
    return [_input_part(part, where) for part in content]


def output_parts(message: dict[str, Any], where: str) -> list[Part]:
    """What an assistant's message says, without empty texts."""
    content = message.get("content")
    if content is not None and not isinstance(content, (str, list)):
        raise refused("The content of a message must be a string or a list of parts.", where)
    given = [{"type": "text", "text": content}] if isinstance(content, str) else as_list(content)
    if (refusal := message.get("refusal")) is not None:
        given = [*given, {"type": "refusal", "refusal": refusal}]
    return [part for each in given if (part := _output_part(each, where))]


def _output_part(part: Any, where: str) -> Part | None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text" and isinstance(text := part.get("text"), str):
        return {"type": "output_text", "text": text, "annotations": []} if text else None
    if kind == "refusal" and isinstance(refusal := part.get("refusal"), str):
        return {"type": "refusal", "refusal": refusal} if refusal else None
    raise refused("An assistant's message may have parts with a text or a refusal, no others.", where)


def _input_part(part: Any, where: str) -> Part:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        if not isinstance(text := part.get("text"), str):
            raise refused("A text part needs a text.", where)
        translated: Part = {"type": "input_text", "text": text}
    elif kind == "image_url":
        translated = _image(part.get("image_url"), where)
    elif kind == "file":
        translated = _file(part.get("file"), where)
    elif kind == "input_audio":
        raise refused("This model is served through the Responses API, which takes no audio. Send a transcript.", where)
    else:
        raise refused(
            "The parts of a message may be text, image_url or file; this one is "
            f"{quoted(part.get('type') if isinstance(part, dict) else part)}.",
            where,
        )
    if isinstance(breakpoint_ := part.get("prompt_cache_breakpoint"), dict):
        translated["prompt_cache_breakpoint"] = breakpoint_
    return translated


def _image(image: Any, where: str) -> Part:
    image = image if isinstance(image, dict) else {}
    if not isinstance(url := image.get("url"), str):
        raise refused("An image_url part needs an image_url with a url.", where)
    detail = image.get("detail")
    return {"type": "input_image", "image_url": url, "detail": detail if isinstance(detail, str) else "auto"}


def _file(file: Any, where: str) -> Part:
    file = file if isinstance(file, dict) else {}
    members = {name: value for name in _FILE_MEMBERS if isinstance(value := file.get(name), str)}
    if "file_data" not in members and "file_id" not in members:
        raise refused("A file part needs a file with file_data or file_id.", where)
    return {"type": "input_file", **members}
