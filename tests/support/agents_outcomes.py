"""What came of an agent's run and what the upstream saw of it, in a form in which two runs can be compared."""

from __future__ import annotations

import json
import os
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import agents
from tests.support.agents_session import BEFORE, FILE, SESSION
from tests.support.agents_upstream import KEY, AgentUpstream, Received, agent_upstream
from tests.support.lock import locked

WRONG_KEY = "sk-wrong-0123456789abcdef"
# Sessions, messages, processes, times and dates: they differ from run to run.
# Gemini CLI lists its skills in the order in which it has read their files.
_SKILL = r"<skill>.*?</skill>"
_SKILLS = re.compile(rf"{_SKILL}(?:(?:\s|\\n)*{_SKILL})+", re.DOTALL)
_VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{64}\b|\bses_\w+"
    r"|(?<=Chunk ID: )\w+|(?<=Wall time: )[\d.]+|(?<=PGID: )\d+|1[6-9]\d{11}"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? \w+ \d+,? 20\d\d|(?<=Date: )[\d-]+|(?<=<current_date>)[\d-]+"
)
# Each side sets these for itself. The upstream insists on the key, so that it need not be compared.
_OWN = frozenset("accept-encoding authorization connection content-length host x-api-key x-goog-api-key".split())


@dataclass(frozen=True)
class Outcome:
    """A run through `url`, and the requests that came of it upstream."""

    run: agents.Run
    url: str
    received: list[Received]

    def plain(self, value: Any) -> str:
        """JSON without what differs from run to run."""
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=0)
        text = text.replace(str(self.run.folder), "FOLDER").replace(self.url, "URL")
        return _VOLATILE.sub("*", _SKILLS.sub(_sorted_skills, text))

    def calls(self) -> list[tuple[str, dict[str, str]]]:
        """The calls upstream, each as its plain text and its plain headers. Two at once have no order."""
        return sorted(
            (
                self.plain([one.path, one.query, one.body]),
                {name: self.plain(value) for name, value in one.headers.items() if name not in _OWN},
            )
            for one in self.received
            if one.method == "POST"
        )


def _sorted_skills(match: re.Match[str]) -> str:
    return "\n".join(sorted(re.findall(_SKILL, match[0], re.DOTALL)))


def carry_out(name: str, scenario: str, folder: Path, upstream: AgentUpstream, url: str, key: str) -> Outcome:
    """Run an agent through `url`, behind which is `upstream`."""
    upstream.play(scenario, folder / "work")
    files = {FILE: BEFORE} if scenario == SESSION else {}
    run = agents.run(name, folder, url, WRONG_KEY if scenario == "wrong_key" else key, files)
    return Outcome(run, url, upstream.received)


class DirectRuns:
    """`direct(name, scenario)` is the outcome without Sluice; each is run once for a whole test run."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        base = factory.getbasetemp()
        # pytest-xdist gives each of its workers a folder of its own, in one folder that they share.
        self._folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "direct"

    def __call__(self, name: str, scenario: str) -> Outcome:
        folder = self._folder / f"{name}-{scenario}"
        done = folder / "outcome"
        with locked(folder.name, self._folder):
            if not done.exists():
                with agent_upstream() as upstream:
                    outcome = carry_out(name, scenario, folder, upstream, upstream.url, KEY)
                done.write_bytes(pickle.dumps(outcome))
            found: Outcome = pickle.loads(done.read_bytes())
        return found
