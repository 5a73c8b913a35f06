"""The Completions API (platform.openai.com/docs/api-reference/completions, read 2026-11-23). Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.chunks import ChunkProtocol, merged_choice, merged_chunk
from proxy.protocols.members import as_list, only_choice
from proxy.wire import sse


class Completions(ChunkProtocol):
    """Chunks with a `text` in each choice."""

    name = "completions"
    chunk_object = "text_completion"
    silence = {"text": ""}  # noqa: RUF012 — never changed

    def merged(self, held: dict[str, Any], following: dict[str, Any]) -> dict[str, Any] | None:
        first, second = only_choice(held), only_choice(following)
        if first is None or second is None:
            return None
        texts = (first.get("text"), second.get("text"))
        if not isinstance(texts[0], str) or not isinstance(texts[1], str):
            return None
        choice = merged_choice(first, second, "text", texts[0] + texts[1])
        return None if choice is None else merged_chunk(held, following, choice)

    def messages(self, events: bytes) -> list[dict[str, Any]]:
        texts: dict[str, str] = {}
        for chunk in sse.objects(events):
            for choice in as_list(chunk.get("choices")):
                if isinstance(choice, dict) and isinstance(choice.get("text"), str):
                    index = str(choice.get("index"))
                    texts[index] = texts.get(index, "") + choice["text"]
        return [{"content": text} for text in texts.values()]

    def prompts(self, request: dict[str, Any]) -> int:
        prompt = request.get("prompt")
        if not isinstance(prompt, list):
            return 1
        # A list of numbers is one prompt, given as tokens. Any other list has one prompt per item.
        return 1 if set(map(type, prompt)) == {int} else max(1, len(prompt))

    def filtered(self, message: str, first: bool) -> dict[str, Any]:
        return {"text": message}

    def message(self, message: str) -> dict[str, Any]:
        return {"text": message}


PROTOCOL = Completions()
