"""Finds Sluice's lines in whatever a platform or a tool has put around them.

The text may be lines with or without a prefix, JSON that quotes them (any number of times), JSON that has their fields,
or CSV. Nobody says which, and one text may mix them. The sources were read on 2026-11-27:

- Docker: the line itself, or with `docker compose logs` a name before it; the file of the json-file driver has it in
  `log` (docs.docker.com/engine/logging/drivers/json-file).
- systemd: a time and names before it, or with `-o json` an object that has it in `MESSAGE` (journalctl(1) at
  manpages.debian.org).
- Kubernetes: `kubectl logs` prints the line itself, a node's file has `time stdout F ` before it
  (github.com/kubernetes/kubernetes/pull/34376, kubelet-cri-logging.md).
- CloudWatch: `filter-log-events` has it in `events[].message` (docs.aws.amazon.com/cli/latest/reference/logs/
  filter-log-events.html). `aws logs tail` has a time, a stream or both before it, and with `--format json` its fields
  over many lines (aws-cli's customizations/logs/tail.py). An export to S3 has a time before it
  (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html).
- Lambda's JSON format leaves what Python prints as it is (docs.aws.amazon.com/lambda/latest/dg/python-logging.html);
  loggers have it in `message`, as text or as an object.
- Tencent CLS: `SearchLog` has, in `Results[].LogJson`, JSON as a text (cloud.tencent.com/document/api/614/56447) whose
  values are texts too (tccli's examples/waf/v20180125/SearchAccessLog.md). The function's line is its `SCF_Message`
  (cloud.tencent.com/document/product/583/60336), or fields of their own (product/858/18032). Exports are JSON or CSV
  (api/614/42798).
- Cloudflare: `wrangler tail --format json` prints objects over many lines, with `logs[].message[]` (workers-sdk's
  packages/wrangler/src/tail/printing.ts). Logpush has one per line, with `Logs`
  (developers.cloudflare.com/logs/logpush/logpush-job/datasets/account/workers_trace_events).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

# The longest value that is read whole, in characters; of longer ones, the values within are read. A line of Sluice's
# has some 700 characters, quoted twice some 1,400.
MAX_VALUE = 262_144
_MAX_DEPTH = 20  # of containers and texts within each other; CLS has 5
_MAX_TRIES = 16  # to find where JSON begins in one text
_MARK = '{"timestamp": "'
_QUOTED_MARK = '"{\\"timestamp'
_TOKEN = re.compile(r'[{\["\n]')
# What stands between the values of JSON over many lines, and is no text of its own.
_BETWEEN = re.compile(r"(?:[\s,:\]}]|true|false|null|-?\d[\d.eE+-]*(?=[\s,\]}]|\Z))*")
# Where exports have what a program printed.
_TEXTS = frozenset(("message", "MESSAGE", "Message", "@message", "log", "SCF_Message", "LogJson"))
# A failed attempt to read a value costs as many characters as were read, at most the rest of the buffer. A text made to
# fail everywhere must not take more time than its length allows, so attempts end when their credit is used up.
_FREE_CREDIT, _CREDIT_PER_CHARACTER, _DEEP_COST = 64_000_000, 8, 100_000
_DECODER = json.JSONDecoder(parse_float=Decimal)

Fields = dict[str, Any]


class Extractor:
    """Reads one text, piece by piece.

    `other_entries` counts lines, and entries of exports, that are not Sluice's. `damaged_lines` counts those that begin
    like Sluice's and cannot be read, because they are cut.
    """

    def __init__(self) -> None:
        self.other_entries = 0
        self.damaged_lines = 0
        self._buffer = ""
        self._position = 0
        self._is_at_line_start = True
        # Of the current line: whether it has been counted, as Sluice's or as another, and whether it has text.
        self._is_counted = self._has_text = False
        self._header: list[str] | None = None
        self._credit = _FREE_CREDIT

    def lines(self, blocks: Iterable[str]) -> Iterator[Fields]:
        """Yield the fields of each of Sluice's lines. Numbers with a fraction are Decimals."""
        for block in blocks:
            self._refill(block)
            while len(self._buffer) - self._position > MAX_VALUE:
                yield from self._next()
        self._refill("\n")
        while self._position < len(self._buffer):
            yield from self._next()

    def _refill(self, block: str) -> None:
        self._buffer = self._buffer[self._position :] + block
        self._position = 0
        self._credit += len(block) * _CREDIT_PER_CHARACTER

    def _next(self) -> list[Fields]:
        """Read one line, one value, or one character at least."""
        if self._is_at_line_start:
            self._is_at_line_start = self._is_counted = self._has_text = False
            if (found := self._line()) is not None:
                return found
        buffer, position = self._buffer, self._position
        match = _TOKEN.search(buffer, position)
        end = match.start() if match else len(buffer)
        if not self._has_text and _BETWEEN.fullmatch(buffer, position, end) is None:
            self._has_text = True
        if match is None:
            self._position = end
            return []
        if match[0] != "\n":
            return self._value(end)
        self.other_entries += self._has_text and not self._is_counted
        self._position = end + 1
        self._is_at_line_start = True
        return []

    def _line(self) -> list[Fields] | None:
        """Read a line that is Sluice's own, whatever stands before it, or a row of CSV; None if it is neither."""
        buffer, position = self._buffer, self._position
        if buffer.startswith(("{", "["), position) and not buffer.startswith(_MARK, position):
            return None
        end = buffer.find("\n", position)
        end = len(buffer) if end < 0 else end
        start = buffer.find(_MARK, position, end)
        if start >= 0 and (found := self._own(buffer[start:end], start)):
            return found
        if self._header is None and buffer.find("request_id", position, end) < 0:
            return None
        return self._row(buffer[position:end], end)

    def _own(self, line: str, start: int) -> list[Fields]:
        """Read the first of Sluice's lines in `line`, which begins with the mark and stands at `start`.

        One that was cut may have the next one in the same line. The first attempt needs no credit: it costs a line at
        most, and only the first in each line.
        """
        found: list[Fields] = []
        mark = 0
        while mark >= 0:
            value, end = self._decode(line, mark)
            if value is None:
                self.damaged_lines += 1
                self._is_counted = True
            else:
                others = self.other_entries
                self._collect(value, found, 0)
                if found:
                    self._is_counted = True
                    self._position = start + end
                    return found
                self.other_entries = others  # it is another program's, and is read again as such
            mark = line.find(_MARK, end) if self._credit > 0 else -1
        return found

    def _row(self, line: str, end: int) -> list[Fields] | None:
        """Read a row of CSV that has the line in a cell, or its fields in cells; None if it has neither."""
        found: list[Fields] = []
        if '{""' in line:
            self._text(line.replace('""', '"'), found, 0)
        elif "{" not in line:
            try:
                cells = next(csv.reader([line]))
            except csv.Error:
                return None
            if "request_id" in cells:
                self._header = cells
                self._is_counted = True
            elif self._header is not None and len(cells) == len(self._header):
                self._collect(dict(zip(self._header, cells, strict=True)), found, 0)
        if not found:
            return None
        self._is_counted = True
        self._position = end
        return found

    def _value(self, start: int) -> list[Fields]:
        """Read the value at `start`. If it cannot be read, or only by halves, what is within it is read next."""
        buffer = self._buffer
        found: list[Fields] = []
        if self._credit <= 0:  # the rest of the line is given up
            end = buffer.find("\n", start)
            self._position = len(buffer) if end < 0 else end
            return found
        value, self._position = self._decode(buffer, start)
        if value is None:
            if buffer.startswith(_QUOTED_MARK, start):
                self.damaged_lines += 1
                self._is_counted = True
            return found
        others = self.other_entries
        self._collect(value, found, 0)
        if found:
            self._is_counted = True
        elif isinstance(value, dict):
            self._is_counted = True
            self.other_entries = others + max(self.other_entries - others, 1)
        return found

    def _decode(self, text: str, start: int) -> tuple[Any, int]:
        """Return the value at `start` and where it ends; (None, the next position) if it cannot be read."""
        try:
            return _DECODER.raw_decode(text, start)
        except (ValueError, ArithmeticError, RecursionError) as error:
            self._credit -= error.pos - start if isinstance(error, json.JSONDecodeError) else _DEEP_COST
            return None, start + 1

    def _collect(self, value: Any, found: list[Fields], depth: int) -> None:
        """Add to `found` what `value` is, or has anywhere within it."""
        if isinstance(value, str):
            self._text(value, found, depth)
        elif depth > _MAX_DEPTH:
            return
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, (str, dict, list)):
                    self._collect(item, found, depth + 1)
        elif is_ours(value):
            found.append(value)
        else:
            before = len(found)
            for item in value.values():
                if isinstance(item, (str, dict, list)):
                    self._collect(item, found, depth + 1)
            if len(found) == before:
                self.other_entries += not _TEXTS.isdisjoint(value)

    def _text(self, text: str, found: list[Fields], depth: int) -> None:
        """Read JSON that a text has, from its beginning or behind a prefix."""
        if "timestamp" not in text or depth > _MAX_DEPTH:
            return
        start = text.find("{")
        for _ in range(_MAX_TRIES):
            if start < 0:
                return
            value, end = self._decode(text, start)
            if value is None:
                self.damaged_lines += text.startswith(_MARK, start)
            else:
                self._collect(value, found, depth + 1)
            start = text.find("{", end)


def is_ours(fields: Fields) -> bool:
    """Whether these are the fields of a line of Sluice's: a call's, or an event's."""
    request_id = fields.get("request_id")
    if isinstance(request_id, str) and request_id.startswith("sl_"):
        return "platform" in fields
    return "event" in fields and "platform" in fields and "level" in fields
