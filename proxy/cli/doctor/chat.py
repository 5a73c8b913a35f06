"""Two tiny chat calls, buffered and streamed: do they work, does the stream flow, and does Chinese survive."""

from __future__ import annotations

import codecs
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from proxy.cli.doctor import own_answers
from proxy.cli.doctor.client import MAX_RESPONSE_BYTES, TIMEOUT, Client, Response, describe
from proxy.cli.doctor.endpoint import Endpoint
from proxy.cli.doctor.report import Report
from proxy.wire import sse

MAX_TOKENS = 24
PROMPT = "请用中文从一数到十。"
MIN_EVENTS = 4  # fewer say nothing about how a stream arrives
MIN_STREAM_SECONDS = 0.02  # no model writes a sentence in less
# Events closer than this arrived together. A buffer shows as many events per batch and long waits between batches.
BATCH_GAP_MS, BATCH_EVENTS, BATCH_WAIT_MS = 2.0, 8, 100.0
_DECIMALS = 1


def examine(client: Client, endpoint: Endpoint, model: str, report: Report) -> None:
    """Call the model both ways, and check the encoding of what comes back."""
    report.progress(f"{model}, stream: false")
    response, limit_name = _buffered(client, model)
    text = _text(response.json) if response.status == 200 else ""
    if response.status != 200 or not isinstance(response.json.get("choices"), list):
        report.add("chat.failed", model=model, what=response.summary)
        own_answers.examine(response, client.root, report)
    else:
        report.add("chat.ok", model=model, ms=response.ms)
        if why := response.headers.get("x-sluice-truncated"):
            report.add("chat.truncated", why=why)
    report.progress(f"{model}, stream: true")
    stream = Stream()
    stream.measure(client, _request(model, limit_name, stream=True))
    _report_stream(stream, client.root, endpoint, model, report)
    if text or stream.text:
        _report_chinese(text, stream, report)


def _request(model: str, limit_name: str, **more: Any) -> dict[str, Any]:
    return {"model": model, limit_name: MAX_TOKENS, "messages": [{"role": "user", "content": PROMPT}], **more}


def _buffered(client: Client, model: str) -> tuple[Response, str]:
    """The response, and the name of the token limit that this model accepts: newer models refuse the older name."""
    limit_name = "max_tokens"
    response = client.request("/v1/chat/completions", "POST", json=_request(model, limit_name))
    if response.status == 400 and "max_completion_tokens" in response.summary:
        limit_name = "max_completion_tokens"
        response = client.request("/v1/chat/completions", "POST", json=_request(model, limit_name))
    return response, limit_name


def _text(answer: dict[str, Any], part: str = "message") -> str:
    """The text of the first choice in an answer or an event."""
    try:
        content = answer["choices"][0][part]["content"]
    except (KeyError, IndexError, TypeError):
        return ""
    return content if isinstance(content, str) else ""


@dataclass
class Stream:
    """A stream as it arrived. `times` holds the arrival of each event, in seconds since the start of the call."""

    response: Response = field(default_factory=Response)
    times: list[float] = field(default_factory=list)
    text: str = ""
    done: bool = False
    failure: str = ""
    split: int = 0
    broken: bool = False

    def measure(self, client: Client, request: dict[str, Any]) -> None:
        """Make the call. Note when each event is complete, and where characters are split. Never raises."""
        splitter, decoder = sse.Splitter(), codecs.getincrementaldecoder("utf-8")()
        started = time.monotonic()
        deadline = client.deadline()
        call = client.http.stream(
            "POST",
            f"{client.root}/v1/chat/completions",
            headers=client.authorization(),
            json=request,
            extensions={"trace": deadline.trace},
        )
        try:
            with deadline, call as incoming:
                self.response.status, self.response.headers = incoming.status_code, incoming.headers
                for piece in incoming.iter_raw():
                    now = time.monotonic() - started
                    self._decode(decoder, piece)
                    if self.is_stream:
                        self._events(splitter.feed(piece), now)
                    self.response.body += piece
                    if len(self.response.body) > MAX_RESPONSE_BYTES or deadline.passed:
                        break
        except httpx.HTTPError as error:
            self.response.failure = self.failure = self.failure or describe(error)
        if deadline.passed:
            self.response.failure = self.failure = TIMEOUT
        self.response.seconds = time.monotonic() - started

    @property
    def is_stream(self) -> bool:
        """Whether the response is an event stream at all."""
        content_type = self.response.headers.get("content-type", "")
        return self.response.status == 200 and content_type.startswith("text/event-stream")

    @property
    def batches(self) -> int:
        """How many batches the events arrived in."""
        return 1 + sum(gap > BATCH_GAP_MS for gap in self.gaps)

    @property
    def gaps(self) -> list[float]:
        """Milliseconds between each event and the next."""
        return [
            round((later - earlier) * 1000, _DECIMALS)
            for earlier, later in zip(self.times, self.times[1:], strict=False)
        ]

    def _decode(self, decoder: codecs.IncrementalDecoder, piece: bytes) -> None:
        try:
            decoder.decode(piece)
        except UnicodeDecodeError:
            self.broken = True
            decoder.reset()
        self.split += bool(decoder.getstate()[0])

    def _events(self, data: bytes, now: float) -> None:
        for _, payload in sse.events(data):
            self.times.append(now)
            if payload == b"[DONE]":
                self.done = True
        for value in sse.objects(data):
            if isinstance(error := value.get("error"), dict):
                self.failure = str(error.get("message"))
            self.text += _text(value, "delta")


def _report_stream(stream: Stream, root: str, endpoint: Endpoint, model: str, report: Report) -> None:
    response, events = stream.response, len(stream.times)
    if not stream.is_stream or stream.failure:
        report.add("stream.failed", model=model, what=stream.failure or response.summary)
        own_answers.examine(response, root, report)
        return
    if not stream.done:
        report.add("stream.no_end", events=events)
    first = round(stream.times[0] * 1000) if events else response.ms
    gaps = stream.gaps
    measured = {"events": events, "first": first, "gaps_ms": gaps}
    if not endpoint.streams or response.headers.get("x-sluice-buffered"):
        report.add("stream.by_design", **measured)
    elif events < MIN_EVENTS:
        report.add("stream.few", **measured)
    elif stream.times[-1] - stream.times[0] < MIN_STREAM_SECONDS:
        report.add("stream.at_once", **measured)
    elif events >= BATCH_EVENTS * stream.batches and max(gaps) >= BATCH_WAIT_MS:
        report.add("stream.lumps", lumps=stream.batches, **measured)
    else:
        report.add("stream.ok", median=round(statistics.median(gaps)), longest=round(max(gaps)), **measured)


def _report_chinese(text: str, stream: Stream, report: Report) -> None:
    texts = [answer for answer in (text, stream.text) if answer]
    if stream.broken or any("\ufffd" in answer or _is_mojibake(answer) for answer in texts):
        report.add("utf8.broken")
    elif stream.split:
        report.add("utf8.split", count=stream.split)
    elif all(_has_chinese(answer) for answer in texts):
        report.add("utf8.ok")
    else:
        report.add("utf8.unknown")


def _has_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def _is_mojibake(text: str) -> bool:
    """Whether a text is Chinese whose bytes were decoded as Latin-1."""
    try:
        return _has_chinese(text.encode("latin-1").decode("utf-8"))
    except ValueError:
        return False
