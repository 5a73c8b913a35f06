"""Recorded streams of every API, and an upstream's script that sends one in small pieces."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import dataclass

from proxy.protocols import registry
from proxy.wire import sse
from tests.support import parts
from tests.support.paths import SHARED
from tests.support.upstream import Received, Script, stream

NATIVE = ("messages", "gemini")
OPENAI = ("chat", "responses", "completions")
# The size of a piece, and how many bytes of each API's recordings are sent in such pieces: small ones take time.
TOTAL_BYTES = {1: 100_000, 7: 700_000, 97: 100_000_000}
# What the event that ends an answer contains, and the one before which nothing has ended it yet.
_ENDS = {"messages": (b'"message_stop"',), "gemini": (b'"finishReason"', b'"blockReason"')}
_ENDINGS = {**_ENDS, "messages": (b'"message_delta"',)}


@dataclass(frozen=True)
class Recording:
    """One recorded stream of an API."""

    name: str
    api: str
    data: bytes

    @property
    def has_end(self) -> bool:
        """Whether its protocol's own end is in it. Clients of OpenAI's API notice by themselves."""
        return self.api not in _ENDS or any(end in self.data for end in _ENDS[self.api])

    @property
    def unfinished(self) -> bytes:
        """The events before those that end the answer."""
        events = sse.split(self.data)
        ends = [any(end in event for end in _ENDINGS[self.api]) for event in events]
        return b"".join(events[: ends.index(True)])


@functools.cache
def recordings(api: str) -> tuple[Recording, ...]:
    """All answers of one API. Without the shared data the test is skipped, or fails under REQUIRE_ALL=1."""
    data = parts.need_folder(SHARED / "data")
    if api in NATIVE:
        files = sorted((data / "native" / api).glob("*.sse"))
    else:
        streams = sorted((data / "streams").glob("*.sse"))
        files = [path for path in streams if json.loads(path.with_suffix(".json").read_text("utf-8"))["api"] == api]
    assert files, f"no recordings of {api}"
    return tuple(
        Recording(path.stem + (f"-part{number}" if number else ""), api, answer)
        for path in files
        for number, answer in enumerate(_answers(api, path.read_bytes()))
    )


def _answers(api: str, data: bytes) -> list[bytes]:
    """The answers of one file. Some have several, which no API sends in one stream.

    After an answer's end, Sluice waits for more for a fraction of a second only.
    """
    protocol = registry.get(api)
    answers, has_ended = [b""], False
    for event in sse.split(data):
        if has_ended and event != b"data: [DONE]\n\n":
            answers.append(b"")
        answers[-1] += event
        has_ended = protocol.ends(event)
    return answers


def chosen(api: str, size: int) -> list[Recording]:
    """The shortest recordings of an API, as many as TOTAL_BYTES allows for pieces of this size."""
    shortest = sorted(recordings(api), key=lambda recording: len(recording.data))
    totals = itertools.accumulate(len(recording.data) for recording in shortest)
    found = [recording for recording, total in zip(shortest, totals, strict=True) if total <= TOTAL_BYTES[size]]
    assert found and (size != max(TOTAL_BYTES) or found == shortest)
    return found


def model(recording: Recording, size: int, finished: bool = True) -> str:
    """The model that a client asks for to get this recording in pieces of `size` bytes."""
    return f"{recording.name}.{size}" + ("" if finished else ".unfinished")


def replay(request: Received) -> Script:
    """The stream that `model` names, each piece a chunk and a write of its own."""
    named = json.loads(request.body).get("model") or request.target.rpartition("/")[2].partition(":")[0]
    name, size, *unfinished = named.split(".")
    recording = _by_name()[name]
    data, step = recording.unfinished if unfinished else recording.data, int(size)
    return stream(*(data[start : start + step] for start in range(0, len(data), step)))


@functools.cache
def _by_name() -> dict[str, Recording]:
    found = [recording for api in (*NATIVE, *OPENAI) for recording in recordings(api)]
    named = {recording.name: recording for recording in found}
    assert len(named) == len(found), "two recordings have the same name"
    return named
