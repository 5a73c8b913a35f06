"""Official SDKs yield the same events through `python -m proxy serve` as directly, for every recorded stream.

The upstream sends every recording in pieces of 97 bytes, and the shortest also in pieces of 7 and of 1 (`TOTAL_BYTES`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import recordings
from tests.support.node_clients import said
from tests.support.process import port_of, served
from tests.support.recordings import OPENAI, TOTAL_BYTES, Recording, model
from tests.support.sdks import READERS
from tests.support.upstream import running

pytestmark = pytest.mark.any_python("tests/contract compares the bytes on every Python")
# Each script of tests/clients with the APIs of its SDK.
CLIENTS = {"anthropic": ("messages",), "google": ("gemini",), "openai": OPENAI}
BROKEN = "closed the connection before its answer was complete"


@pytest.fixture(scope="module")
def bases() -> Iterator[tuple[str, str]]:
    """The addresses of the upstream, and of a Sluice in front of it."""
    with running(choose=recordings.replay) as upstream:
        base = f"http://127.0.0.1:{upstream.port}"
        settings = {"OPENAI_BASE_URL": upstream.url, "ANTHROPIC_BASE_URL": base, "GEMINI_BASE_URL": base}
        with served(LOG_LEVEL="off", **settings) as (_, printed):
            yield base, f"http://127.0.0.1:{port_of(printed)}"


def check(recording: Recording, difference: Any, direct: str | None, relayed: str | None) -> None:
    """Compare what an SDK raises; an answer that just stops is an error only through Sluice."""
    assert difference is None, recording.name
    if recording.has_end:
        assert direct == relayed, recording.name
    else:
        assert direct is None and relayed is not None and BROKEN in relayed, recording.name


@pytest.mark.parametrize("size", TOTAL_BYTES)
@pytest.mark.parametrize("reader", READERS)
def test_python_sdks_see_the_same_events(bases: tuple[str, str], reader: str, size: int) -> None:
    found = recordings.chosen(reader.partition("-")[0], size)
    models = [model(recording, size) for recording in found]
    direct, relayed = (READERS[reader](base, models) for base in bases)
    for recording, one, other in zip(found, direct, relayed, strict=True):
        assert one.events or one.error, f"{recording.name} shows nothing"
        difference = (one.events, other.events) if one.events != other.events else None
        check(recording, difference, one.error, other.error)


def replayed(program: str, bases: tuple[str, str], client: str, models: list[str]) -> list[dict[str, Any]]:
    """What tests/clients/replay.mjs prints for each model."""
    lines = said(program, client, "replay", ",".join(bases), ",".join(models))
    assert [line["name"] for line in lines] == models
    return lines


@pytest.mark.parametrize("size", TOTAL_BYTES)
@pytest.mark.parametrize("client", CLIENTS)
def test_node_sdks_see_the_same_events(program: str, bases: tuple[str, str], client: str, size: int) -> None:
    found = [recording for api in CLIENTS[client] for recording in recordings.chosen(api, size)]
    prefix = [f"{recording.api}/" if client == "openai" else "" for recording in found]
    models = [api + model(recording, size) for api, recording in zip(prefix, found, strict=True)]
    for recording, line in zip(found, replayed(program, bases, client, models), strict=True):
        assert line["events"] or line["errors"][0], f"{recording.name} shows nothing"
        check(recording, line["difference"], *line["errors"])


@pytest.mark.parametrize("reader", ["messages", "gemini", "gemini-async"])
def test_python_sdks_raise_for_an_answer_without_its_end(bases: tuple[str, str], reader: str) -> None:
    found = [recording for recording in recordings.recordings(reader.partition("-")[0]) if recording.unfinished]
    models = [model(recording, 97, finished=False) for recording in found]
    direct, relayed = (READERS[reader](base, models) for base in bases)
    assert len(found) > 10
    for recording, one, other in zip(found, direct, relayed, strict=True):
        assert one.events == other.events and one.error is None, recording.name
        assert other.error is not None and BROKEN in other.error, recording.name


@pytest.mark.parametrize(("client", "api"), [("anthropic", "messages"), ("google", "gemini")])
def test_node_sdks_throw_for_an_answer_without_its_end(
    program: str, bases: tuple[str, str], client: str, api: str
) -> None:
    found = [recording for recording in recordings.recordings(api) if recording.unfinished]
    for line in replayed(program, bases, client, [model(recording, 97, finished=False) for recording in found]):
        direct, relayed = line["errors"]
        assert line["difference"] is None and direct is None and relayed is not None, line
        # Google's SDK reads the error only if the network does not join it with the event before.
        assert BROKEN in relayed or (client, relayed) == ("google", "Error: Incomplete JSON segment at the end")
