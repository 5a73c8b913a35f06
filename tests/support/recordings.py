"""Recorded streams of every API, and an upstream's script that sends one in small pieces."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

from proxy.wire import sse
from tests.support import parts
from tests.support.paths import SHARED
from tests.support.upstream import Received, Script, stream

NATIVE = ("messages", "gemini")
OPENAI = ("chat", "responses", "completions")
# The size of a piece, and the longest recording that is sent in such pieces: small ones take time.
MAX_BYTES = {1: 5_600, 7: 16_000, 97: 1_000_000}
# The native APIs have fewer recordings, so these may be longer by this factor.
_NATIVE_FACTOR = 4
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
    """All of one API. Without the shared data the test is skipped, or fails under REQUIRE_ALL=1."""
    data = parts.need_folder(SHARED / "data")
    if api in NATIVE:
        files = sorted((data / "native" / api).glob("*.sse"))
    else:
        streams = sorted((data / "streams").glob("*.sse"))
        files = [path for path in streams if json.loads(path.with_suffix(".json").read_text("utf-8"))["api"] == api]
    assert files, f"no recordings of {api}"
    return tuple(Recording(path.stem, api, path.read_bytes()) for path in files)


def chosen(api: str, size: int) -> list[Recording]:
    """The recordings of an API that are sent in pieces of this size: all of them in pieces of the largest."""
    longest = MAX_BYTES[size] * (_NATIVE_FACTOR if api in NATIVE else 1)
    found = [recording for recording in recordings(api) if len(recording.data) <= longest]
    assert found and (size != max(MAX_BYTES) or len(found) == len(recordings(api)))
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
