"""Reads what `python -m proxy tokens` counts: a text, one JSON document, or JSONL with one request per line.

Everything is read as text: UTF-8, or the UTF-16 that PowerShell writes, with or without a byte order mark. What is not
text, and JSON that is broken, is refused rather than counted as something that it is not.
"""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

_BLOCK = 1_000_000  # characters
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_JSONL = (".jsonl", ".ndjson")
# A line of JSON with one of these members is a request, so the lines after it are requests too.
REQUEST_MEMBERS = frozenset(("messages", "input", "prompt", "instructions", "body"))
_Progress = Callable[[int], None]


class Unreadable(Exception):
    """The file cannot be counted. The message is a sentence that names the file, the reason and the remedy."""


class Source:
    """An open text. `name` is for messages. `note` says why what looks like JSON is counted as a text; '' if not so."""

    def __init__(self, file: TextIO, name: str, done: Callable[[], int], progress: _Progress) -> None:
        self.name = name
        self.note = ""
        self._file, self._done, self._progress = file, done, progress
        self._is_jsonl = Path(name).suffix.lower() in _JSONL
        self._is_json = Path(name).suffix.lower() == ".json"

    def values(self) -> Iterator[tuple[str, Any]] | None:
        """Yield a label and the value of each JSON document in the file; None if it is a text.

        Raises Unreadable, also while it yields. After None, `blocks` has the whole text.
        """
        head = self._line(_BLOCK)
        is_json = head.lstrip()[:1] in ("{", "[")
        if (is_json or self._is_jsonl) and not head.endswith("\n"):
            head += self._line(-1)
        if self._is_jsonl or (head.endswith("\n") and _is_request(_parse(head)[0])):
            return self._lines(head)
        self._head = head
        if not is_json:
            if self._is_json:
                raise self._broken("does not begin with { or [, so it is not the JSON that its name promises")
            return None
        self._head += self._read(-1)
        value, error = _parse(self._head)
        if isinstance(value, (dict, list)):
            return iter([("request", value)])
        if self._is_json:
            raise self._broken(f"is not valid JSON: {_where(error)}")
        self.note = f"not valid JSON ({_where(error)}), so it is counted as a plain text"
        return None

    def blocks(self) -> Iterator[str]:
        """Yield the text piece by piece. Raises Unreadable."""
        block = self._head
        while block:
            yield block
            block = self._read(_BLOCK)

    def _lines(self, line: str) -> Iterator[tuple[str, Any]]:
        """Yield each line of JSONL, of which the first is `line`. Blank lines are skipped."""
        number = 0
        while line:
            number += 1
            if line.strip():
                value, error = _parse(line.strip())
                if not isinstance(value, (dict, list)):
                    where = f"line {number}: a request is a JSON object" if error is None else _where(error, number)
                    raise self._broken(f"is not valid JSONL: {where}")
                yield f"line {number}", value
            line = self._line(-1)

    def _line(self, size: int) -> str:
        return self._checked(lambda: self._file.readline(size))

    def _read(self, size: int) -> str:
        return self._checked(lambda: self._file.read(size))

    def _checked(self, read: Callable[[], str]) -> str:
        try:
            text = read()
        except UnicodeDecodeError as error:
            if b"\0" in error.object:
                raise self._binary() from None
            raise Unreadable(
                f"{self.name} is not text in UTF-8 (perhaps it is GBK). Save it as UTF-8 and count it again."
            ) from None
        if "\0" in text:
            raise self._binary()
        self._progress(self._done())
        return text

    def _binary(self) -> Unreadable:
        return Unreadable(
            f"{self.name} is a binary file, not a text. The tokens of an image depend on the request that has it: "
            "count that request as JSON, with the image as a data: URL."
        )

    def _broken(self, how: str) -> Unreadable:
        return Unreadable(f"{self.name} {how}. Correct it, or give the file another ending to count it as a text.")


@contextmanager
def opened(name: str, progress: Callable[[int, int | None], None]) -> Iterator[Source]:
    """Open a file, `-` for standard input. `progress` is called with the bytes read and all bytes, None if unknown.

    Raises Unreadable.
    """
    shown = "standard input" if name == "-" else name
    try:
        size = None if name == "-" else Path(name).stat().st_size
        binary = _peekable(sys.stdin.buffer) if name == "-" else Path(name).open("rb")  # noqa: SIM115 — closed with `text`
    except OSError as error:
        raise Unreadable(f"Cannot read {shown}: {error.strerror or error}. Correct the path.") from None
    encoding = "utf-16" if binary.peek(2)[:2] in _UTF16 else "utf-8-sig"
    with io.TextIOWrapper(binary, encoding, newline="\n") as text:
        # Standard input cannot tell its position.
        done = (lambda: 0) if size is None else binary.tell
        yield Source(text, shown, done, lambda read: progress(read, size))


def _peekable(stdin: BinaryIO) -> io.BufferedReader:
    return stdin if isinstance(stdin, io.BufferedReader) else io.BufferedReader(stdin)  # type: ignore[arg-type]


def _is_request(value: Any) -> bool:
    """Whether a line of JSON is a request or a list of messages, so that the lines after it must be some too."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(message, dict) for message in value)
    return isinstance(value, dict) and bool(REQUEST_MEMBERS & value.keys())


def _parse(text: str) -> tuple[Any, Exception | None]:
    """The value, or None and why there is none."""
    try:
        return json.loads(text), None
    except (ValueError, RecursionError) as error:
        return None, error


def _where(error: Exception | None, line: int | None = None) -> str:
    """Where the JSON is broken, and how. `line` is its line in a file of JSONL."""
    if isinstance(error, json.JSONDecodeError):
        return f"line {line or error.lineno}, column {error.colno}: {error.msg}"
    return f"line {line or 1}: {'it is nested too deeply' if isinstance(error, RecursionError) else error}"
