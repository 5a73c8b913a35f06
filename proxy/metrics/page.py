"""The page at /metrics: what is recorded, of this process or of all processes of a server, as text."""

from __future__ import annotations

from collections.abc import Iterator
from platform import python_version

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from proxy import __version__


class Page(Collector):
    """Makes the text. `folder` holds the files of all processes; None if there is one process."""

    def __init__(self, registry: CollectorRegistry, folder: str | None) -> None:
        self._source: Collector = registry
        if folder is not None:
            self._source = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]

    def __call__(self) -> bytes:
        """The text, in version 0.0.4 of Prometheus' form. May be called in another thread than the recording."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """The metrics, without the times when each was created, which would be a series for each counter."""
        build = GaugeMetricFamily("sluice_build_info", "Versions of what runs.", labels=("version", "python"))
        build.add_metric((__version__, python_version()), 1)
        yield build
        for metric in self._source.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
