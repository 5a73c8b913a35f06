"""Asks questions on a terminal, or reads the answers from a pipe: plain lines, no colours and no cursor movement."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import TextIO

_YES, _NO = ("y", "yes", "是", "好"), ("n", "no", "否", "不")


class Terminal:
    """Every method that asks raises EOFError at the end of input, and KeyboardInterrupt at Ctrl-C."""

    def __init__(self, stdin: TextIO, stdout: TextIO, texts: Mapping[str, str]) -> None:
        self.stdin, self.stdout, self._texts = stdin, stdout, texts

    def say(self, text: str = "") -> None:
        """Print one line."""
        self._write(f"{text}\n")

    def ask(self, question: str, default: str = "") -> str:
        """One line of text without the white space around it; `default` for an empty one."""
        self._write(f"{question} [{default}]: " if default else f"{question}: ")
        return self.read_line() or default

    def ask_secret(self, question: str) -> str:
        """Like `ask`, but a terminal does not show what is typed."""
        if self.stdin.isatty():
            # It asks after it has turned the echo off: what is typed at once is neither shown nor lost.
            return getpass.getpass(f"{question}: ").strip()
        self._write(f"{question}: ")
        return self.read_line()

    def confirm(self, question: str, default: bool = False) -> bool:
        """Yes or no."""
        choices = self._texts["confirm.yes" if default else "confirm.no"]
        while True:
            answer = self.ask(f"{question} {choices}").lower()
            if answer in _YES or (default and not answer):
                return True
            if answer in _NO or not answer:
                return False
            self.say(self._texts["confirm.again"])

    def choose(self, question: str, choices: Sequence[tuple[str, str]], default: str = "") -> str:
        """The name of one of `choices`, which are names with their descriptions; its number will do."""
        width = len(str(len(choices)))
        for number, (name, label) in enumerate(choices, 1):
            self.say(f"  {number:>{width}}) {label} ({name})")
        names = [name for name, _ in choices]
        while True:
            answer = self.ask(question, default).lower()
            if answer in names:
                return answer
            if answer.isascii() and answer.isdigit() and 0 < int(answer[:4]) <= len(names):
                return names[int(answer[:4]) - 1]
            for name, label in choices:
                if answer == label.lower():
                    return name
            self.say(self._texts["choose.again"].format(last=len(names)))

    def read_line(self) -> str:
        """The next line of standard input. Raises EOFError."""
        line = self.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()

    def _write(self, text: str) -> None:
        encoding = self.stdout.encoding or "utf-8"
        self.stdout.write(text.encode(encoding, "replace").decode(encoding))
        self.stdout.flush()
