"""Reasoning that a provider sends within the text, between `<think>` and `</think>`. Pure."""

from __future__ import annotations

from proxy.protocols.translate.chat_deltas import TEXT, THINKING

_OPENING, _CLOSING = "<think>", "</think>"
_MAX_SPACE = 16  # characters before the tag


class ThinkSplitter:
    """Splits a text that begins with `<think>`, whatever its pieces. A tag anywhere else is text."""

    __slots__ = ("_held", "_kind", "_skips_lines")

    def __init__(self) -> None:
        self._held = ""
        self._kind = ""  # as long as it is not decided
        self._skips_lines = False

    def give_up(self) -> None:
        """From now on, everything is text: the provider sends its reasoning apart."""
        self._kind = self._kind or TEXT

    def feed(self, text: str) -> list[tuple[str, str]]:
        """The texts that are certain now, each with its kind."""
        text, self._held = self._held + text, ""
        if not self._kind:
            start = text.lstrip()
            if len(text) - len(start) > _MAX_SPACE:
                self._kind = TEXT
            elif start.startswith(_OPENING):
                self._kind, self._skips_lines, text = THINKING, True, start[len(_OPENING) :]
            elif _OPENING.startswith(start):
                self._held = text
                return []
            else:
                self._kind = TEXT
        if self._kind == TEXT:
            return [(TEXT, self._trimmed(text))]
        thinking, tag, rest = text.partition(_CLOSING)
        if not tag:
            kept = _partial_tag(thinking)
            self._held = thinking[len(thinking) - kept :]
            return [(THINKING, self._trimmed(thinking[: len(thinking) - kept]))]
        thinking = self._trimmed(thinking)
        self._kind, self._skips_lines = TEXT, True
        return [(THINKING, thinking), (TEXT, self._trimmed(rest))]

    def _trimmed(self, text: str) -> str:
        """A text without the line ends that follow a tag."""
        if self._skips_lines:
            text = text.lstrip("\n")
            self._skips_lines = not text
        return text

    def rest(self) -> list[tuple[str, str]]:
        """What was held back, at the end."""
        text, self._held = self._held, ""
        return [(self._kind or TEXT, text)]


def _partial_tag(text: str) -> int:
    """How many characters at the end of a text may be the start of the closing tag."""
    return next((size for size in range(len(_CLOSING) - 1, 0, -1) if text.endswith(_CLOSING[:size])), 0)
