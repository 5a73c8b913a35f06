"""The texts of a chunk of the chat or completions API, for a content filter. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.json_texts import NOT_TEXT, read_members, strings
from proxy.protocols.texts import REPEATED, EventTexts, Piece


def read(chunk: dict[str, Any], texts: EventTexts) -> None:
    """Add the texts of `chunk`."""
    choices = chunk.get("choices")
    for position, choice in enumerate(choices if isinstance(choices, list) else ()):
        if isinstance(choice, dict):
            _read_choice(choice, position, texts)
        else:
            texts.new += [((position, path), text) for path, text in strings(choice)]
    others = {name: value for name, value in read_members(chunk).items() if name not in NOT_TEXT}
    if isinstance(choices, list):
        others.pop("choices")
    texts.repeated += [((REPEATED, None, path), text) for path, text in strings(others)]


def _read_choice(choice: dict[str, Any], position: int, texts: EventTexts) -> None:
    index = choice.get("index")
    index = index if isinstance(index, int) else position
    if choice.get("finish_reason") and texts.ended is not None:
        texts.ended.add(index)
    others = {name: value for name, value in choice.items() if name not in NOT_TEXT}
    pieces: list[Piece] = []
    if isinstance(choice.get("text"), str):
        pieces.append((("text",), others.pop("text")))
    if isinstance(choice.get("delta"), dict):
        for name, value in others.pop("delta").items():
            pieces += [((name, path), text) for path, text in strings({name: value})]
    texts.repeated += [((REPEATED, index, path), text) for path, text in strings(others)]
    texts.new += [((index, *place), text) for place, text in _without_details(pieces) if text]


def _without_details(pieces: list[Piece]) -> list[Piece]:
    """Without `reasoning_details` that repeat `reasoning`: one provider sends both, as parts and as a text."""
    reasoning = "".join(text for place, text in pieces if place[0] == "reasoning")
    details = "".join(text for place, text in pieces if place[0] == "reasoning_details")
    if not reasoning or reasoning != details:
        return pieces
    return [piece for piece in pieces if piece[0][0] != "reasoning_details"]
