"""Two tiny answers, one in one piece and one streamed: do they come, how, and is their Chinese whole."""

from __future__ import annotations

import codecs
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from proxy.cli.doctor.door import READ_MOST, TIMEOUT, Door, Heard, reason
from proxy.cli.doctor.entry import Entry
from proxy.cli.doctor.report import Report
from proxy.wire import sse

MOST_TOKENS = 24
PROMPT = "请用中文从一数到十。"
FEW = 4  # events; fewer say nothing about how they come
AT_ONCE_SECONDS = 0.02  # no model writes a sentence in less
# Events this close have come in one piece; a buffer shows by many of them in each piece, and long waits in between.
TOGETHER_MS, LUMP_EVENTS, LUMP_WAIT_MS = 2.0, 8, 100.0
_ROUND = 1


def examine(door: Door, entry: Entry, model: str, report: Report) -> None:
    """Both ways of asking, and what they say of the encoding."""
    report.begin(f"{model}, stream: false")
    heard, named = _buffered(door, model)
    text = _text(heard.json) if heard.status == 200 else ""
    if heard.status != 200 or not isinstance(heard.json.get("choices"), list):
        report.add("chat.failed", model=model, what=heard.what)
    else:
        report.add("chat.ok", model=model, ms=heard.ms)
        if why := heard.headers.get("x-sluice-truncated"):
            report.add("chat.truncated", why=why)
    report.begin(f"{model}, stream: true")
    measured = Measured()
    measured.take(door, _request(model, named, stream=True))
    _judge(measured, entry, model, report)
    if text or measured.text:
        _judge_chinese(text, measured, report)


def _request(model: str, named: str, **more: Any) -> dict[str, Any]:
    return {"model": model, named: MOST_TOKENS, "messages": [{"role": "user", "content": PROMPT}], **more}


def _buffered(door: Door, model: str) -> tuple[Heard, str]:
    """The answer, and what this model calls the most tokens: newer ones refuse the older name."""
    named = "max_tokens"
    heard = door.ask("/v1/chat/completions", "POST", json=_request(model, named))
    if heard.status == 400 and "max_completion_tokens" in heard.what:
        named = "max_completion_tokens"
        heard = door.ask("/v1/chat/completions", "POST", json=_request(model, named))
    return heard, named


def _text(answer: dict[str, Any], part: str = "message") -> str:
    """The text in the first choice of an answer, or of an event."""
    try:
        found = answer["choices"][0][part]["content"]
    except (KeyError, IndexError, TypeError):
        return ""
    return found if isinstance(found, str) else ""


@dataclass
class Measured:
    """A stream as it came: `times` has an entry an event, in seconds from the start of the call."""

    heard: Heard = field(default_factory=Heard)
    times: list[float] = field(default_factory=list)
    text: str = ""
    done: bool = False
    failed: str = ""
    split: int = 0
    broken: bool = False

    def take(self, door: Door, request: dict[str, Any]) -> None:
        """Ask, and note when each event is complete and where characters are cut. Raises nothing."""
        splitter, decoder = sse.Splitter(), codecs.getincrementaldecoder("utf-8")()
        started = time.monotonic()
        deadline = door.deadline()
        asked = door.client.stream(
            "POST",
            f"{door.root}/v1/chat/completions",
            headers=door.authorised(),
            json=request,
            extensions={"trace": deadline.note},
        )
        try:
            with deadline, asked as response:
                self.heard.status, self.heard.headers = response.status_code, response.headers
                for piece in response.iter_raw():
                    now = time.monotonic() - started
                    self._decode(decoder, piece)
                    if self.is_stream:
                        self._events(splitter.feed(piece), now)
                    self.heard.body += piece
                    if len(self.heard.body) > READ_MOST or deadline.passed:
                        break
        except httpx.HTTPError as error:
            self.heard.lost = self.failed = self.failed or reason(error)
        if deadline.passed:
            self.heard.lost = self.failed = TIMEOUT
        self.heard.seconds = time.monotonic() - started

    @property
    def is_stream(self) -> bool:
        """Whether an event stream has come at all."""
        return self.heard.status == 200 and self.heard.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def lumps(self) -> int:
        """In how many pieces the events have come."""
        return 1 + sum(gap > TOGETHER_MS for gap in self.gaps)

    @property
    def gaps(self) -> list[float]:
        """Milliseconds between each event and the next."""
        return [
            round((later - earlier) * 1000, _ROUND) for earlier, later in zip(self.times, self.times[1:], strict=False)
        ]

    def _decode(self, decoder: codecs.IncrementalDecoder, piece: bytes) -> None:
        try:
            decoder.decode(piece)
        except UnicodeDecodeError:
            self.broken = True
            decoder.reset()
        self.split += bool(decoder.getstate()[0])

    def _events(self, data: bytes, now: float) -> None:
        for _, said in sse.events(data):
            self.times.append(now)
            if said == b"[DONE]":
                self.done = True
        for value in sse.objects(data):
            if isinstance(error := value.get("error"), dict):
                self.failed = str(error.get("message"))
            self.text += _text(value, "delta")


def _judge(measured: Measured, entry: Entry, model: str, report: Report) -> None:
    heard, events = measured.heard, len(measured.times)
    if not measured.is_stream or measured.failed:
        report.add("stream.failed", model=model, what=measured.failed or heard.what)
        return
    if not measured.done:
        report.add("stream.no_end", events=events)
    first = round(measured.times[0] * 1000) if events else heard.ms
    if not entry.streams or heard.headers.get("x-sluice-buffered"):
        report.add("stream.by_design", events=events, first=first)
    elif events < FEW:
        report.add("stream.few", events=events)
    elif measured.times[-1] - measured.times[0] < AT_ONCE_SECONDS:
        report.add("stream.at_once", events=events, first=first, gaps_ms=measured.gaps)
    elif events >= LUMP_EVENTS * measured.lumps and max(measured.gaps) >= LUMP_WAIT_MS:
        report.add("stream.lumps", events=events, lumps=measured.lumps, gaps_ms=measured.gaps)
    else:
        gaps = measured.gaps
        shown = {"median": round(statistics.median(gaps)), "longest": round(max(gaps))}
        report.add("stream.ok", events=events, first=first, gaps_ms=gaps, **shown)


def _judge_chinese(text: str, measured: Measured, report: Report) -> None:
    texts = [one for one in (text, measured.text) if one]
    if measured.broken or any("\ufffd" in one or _is_mojibake(one) for one in texts):
        report.add("utf8.broken")
    elif measured.split:
        report.add("utf8.split", count=measured.split)
    elif all(any("\u4e00" <= letter <= "\u9fff" for letter in one) for one in texts):
        report.add("utf8.ok")
    else:
        report.add("utf8.unknown")


def _is_mojibake(text: str) -> bool:
    """Whether a text is Chinese whose bytes somebody has read as Latin-1."""
    try:
        again = text.encode("latin-1").decode("utf-8")
    except ValueError:
        return False
    return any("\u4e00" <= letter <= "\u9fff" for letter in again)
