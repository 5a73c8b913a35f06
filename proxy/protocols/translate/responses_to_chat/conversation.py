"""Chat messages in the making: one after the other, with the results of tools where chat providers want them. Pure."""

from __future__ import annotations

from typing import Any

from proxy.protocols.translate.chat_parts import (
    Part,
    assistant_message,
    call_part,
    content_of,
    reasoning_content,
    result_message,
)
from proxy.protocols.translate.chat_providers import ChatProvider
from proxy.protocols.translate.dropped import Dropped
from proxy.protocols.translate.names import call_id


class _Assistant:
    """An assistant's turn: its texts and calls, and the results of these. Each result comes right after it."""

    def __init__(self) -> None:
        self.reasoning: list[str] = []
        self.parts: list[Part] = []
        self.calls: list[tuple[str, str, str]] = []  # id, name, arguments
        self.results: dict[str, list[Part]] = {}


class Conversation:
    """Collects a conversation. `needs_reasoning`: the provider wants the reasoning of earlier turns."""

    def __init__(self, provider: ChatProvider, needs_reasoning: bool) -> None:
        self.system: list[str] = []
        self._provider = provider
        self._needs_reasoning = needs_reasoning
        self._turns: list[_Assistant | list[Part]] = []
        self._open: dict[str, _Assistant] = {}  # the turn of each call

    def say(self, parts: list[Part]) -> None:
        """Add parts of the user."""
        last = self._turns[-1] if self._turns else None
        if isinstance(last, list):
            last += parts
        else:
            self._turns.append(parts)

    def answer(self, parts: list[Part]) -> None:
        """Add texts of the assistant."""
        self._assistant().parts += parts

    def think(self, text: str) -> None:
        """Add reasoning of the assistant."""
        self._assistant().reasoning.append(text)

    def call(self, identifier: str, name: str, arguments: str) -> None:
        """Add a call. Calls next to each other are one turn's."""
        turn = self._assistant()
        turn.calls.append((identifier, name, arguments))
        self._open[identifier] = turn

    def result(self, identifier: str, parts: list[Part]) -> bool:
        """Add what a call returned. False if there is no such call before it."""
        turn = self._open.get(identifier)
        if turn is None:
            return False
        turn.results.setdefault(identifier, []).extend(parts)
        return True

    def messages(self, dropped: Dropped) -> list[dict[str, Any]]:
        """All chat messages."""
        system = "\n\n".join(text for text in self.system if text)
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        others: list[Part] = []  # of results, for the next message of the user
        for turn in self._turns:
            if isinstance(turn, _Assistant):
                messages += _user(others)
                others = self._add(turn, messages, dropped)
            else:
                messages += _user(others + turn)
                others = []
        return messages + _user(others)

    def _assistant(self) -> _Assistant:
        """The assistant's open turn. One whose tools have returned something is over."""
        last = self._turns[-1] if self._turns else None
        if isinstance(last, _Assistant) and not last.results:
            return last
        turn = _Assistant()
        self._turns.append(turn)
        return turn

    def _add(self, turn: _Assistant, messages: list[dict[str, Any]], dropped: Dropped) -> list[Part]:
        """Add an assistant's message and the results of its calls. Returns what only a user's message can have."""
        ids = [call_id(identifier, self._provider) for identifier, _, _ in turn.calls]
        calls = [call_part(short, name, arguments) for short, (_, name, arguments) in zip(ids, turn.calls, strict=True)]
        reasoning = reasoning_content(turn.reasoning, calls) if self._needs_reasoning else None
        if (message := assistant_message(turn.parts, calls, reasoning)) is not None:
            messages.append(message)
        others: list[Part] = []
        for short, (identifier, _, _) in zip(ids, turn.calls, strict=True):
            # Of several calls with the same id, the first has the result.
            parts = turn.results.pop(identifier, None)
            if parts is None:  # chat providers refuse a call without a result
                dropped.add("function_call_output")
            result, more = result_message(short, parts or [])
            messages.append(result)
            others += more
        return others


def _user(parts: list[Part]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content_of(parts)}] if parts else []
