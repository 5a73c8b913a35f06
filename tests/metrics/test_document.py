"""docs/monitoring.md and its Chinese page: every metric with its labels, and alerts on metrics that there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from proxy.metrics.page import Page
from proxy.metrics.recorder import DURATION_BUCKETS, FIRST_CHUNK_BUCKETS, MAX_MODELS, Recorder
from tests.support.documents import blocks
from tests.support.metrics import fields
from tests.support.paths import ROOT

PAGES = ("docs/monitoring.md", "docs/monitoring.zh-CN.md")
pytestmark = pytest.mark.any_python("the documents are the same on every Python")


def labels_by_name() -> dict[str, set[str]]:
    """The labels of every metric, by the name that its samples begin with."""
    recorder = Recorder()
    spent = {"gen_ai.usage.input_tokens": 1, "cost_usd": 1.0, "upstream": "default", "stream": True}
    recorder.finished(fields(**spent, **{"gen_ai.response.time_to_first_chunk": 1.0}), was_running=False)
    recorder.finished(fields(status=401, ending="missing_api_key", store_error="timeout"), was_running=False)
    return {
        metric.name + ("_total" if metric.type == "counter" else ""): set(metric.samples[0].labels) - {"le"}
        for metric in Page(recorder.registry, None).collect()
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_is_described_with_its_labels(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`sluice_.*?) \| (.*?) \|", text, re.MULTILINE)
    described = {name: set(re.findall(r"`(\w+)`", labels)) for names, labels in rows for name in names.split("`")[1::2]}
    assert described == labels_by_name()


@pytest.mark.parametrize("page", PAGES)
def test_alerts_and_the_scrape_are_about_what_there_is(page: str) -> None:
    scrape, rules = (yaml.safe_load(block) for block in blocks(page, "yaml"))
    assert scrape["scrape_configs"][0]["job_name"] == "sluice"
    known = {*labels_by_name(), "sluice_time_to_first_chunk_seconds_bucket"}
    alerts: list[Any] = rules["groups"][0]["rules"]
    assert len(alerts) > 5
    for alert in alerts:
        used = set(re.findall(r"sluice_\w+", alert["expr"]))
        assert used <= known and (used or "up{" in alert["expr"]), alert["alert"]
        assert alert["expr"].count("(") == alert["expr"].count(")")


def test_both_pages_say_the_same() -> None:
    assert blocks(PAGES[0], "yaml")[1] == blocks(PAGES[1], "yaml")[1]
    for language in ("dockerfile", "nginx"):
        assert blocks(PAGES[0], language) == blocks(PAGES[1], language)
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    assert len({text.count("\n## ") for text in texts}) == len({text.count("\n- ") for text in texts}) == 1
    for text in texts:
        assert str(MAX_MODELS) in text and f"{DURATION_BUCKETS[-1]}" in text and f"{FIRST_CHUNK_BUCKETS[-1]}" in text


def test_the_container_gets_the_locked_version() -> None:
    (pinned,) = re.findall(r"^prometheus-client==(\S+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    for page in PAGES:
        assert f"prometheus_client=={pinned}\n" in (ROOT / page).read_text(encoding="utf-8")
