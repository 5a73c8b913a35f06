"""What a page of metrics says, by prometheus_client's own parser; and calls that are recorded without a server."""

from __future__ import annotations

from typing import Any

from proxy import metrics, startup
from proxy.messages import Reply, Request
from proxy.relay import relay
from tests.support import fake_clock
from tests.support.core import JSON_HEAD, Listed, host, request

USAGE = (
    b'{"model":"gpt-x","usage":{"prompt_tokens":30,"completion_tokens":12,"total_tokens":42,'
    b'"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":7}}}'
)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    """Each sample by its name and labels. Fails for a text that repeats one, or that Prometheus could not read."""
    from prometheus_client.parser import text_string_to_metric_families

    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of all samples of this name that have these labels."""
    wanted = set(labels.items())
    return sum(amount for (found, has), amount in samples.items() if found == name and wanted <= has)


def values_of(samples: Samples, label: str) -> set[str]:
    """All values of a label."""
    return {text for _, labels in samples for name, text in labels if name == label}


def fields(**more: Any) -> dict[str, Any]:
    """Those of a call's log line."""
    return {
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "ending": "complete",
        "duration_ms": 1.0,
        "stream": False,
        "gen_ai.response.time_to_first_chunk": None,
        "bytes_in": 1,
        "bytes_out": 1,
        **more,
    }


class Recorded:
    """A host that keeps metrics, and what was answered and logged."""

    def __init__(self, **settings: str) -> None:
        self.lines: list[str] = []
        self.host = host(self.lines)
        self._config = startup.load(settings)
        metrics.attach(self.host)

    def call(self, asked: Request | None = None, upstream: Listed | None = None) -> Reply:
        """Make a call to its end."""

        async def go() -> Reply:
            reply = await relay(asked or request(body=b'{"model":"m"}'), self._config, answers, self.host)
            if not isinstance(reply.body, bytes):
                stream = reply.body
                try:
                    reply.body = b"".join([piece async for piece in stream])
                finally:
                    await stream.aclose()
            return reply

        answers = upstream or Listed(USAGE, headers=JSON_HEAD)
        return fake_clock.run(go())

    def text(self) -> str:
        """The page."""
        assert self.host.metrics_page is not None
        return self.host.metrics_page().decode()

    def samples(self) -> Samples:
        """The page, parsed."""
        return parsed(self.text())
