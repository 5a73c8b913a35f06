"""The doctor's warning about models that their provider shuts down."""

from __future__ import annotations

import json
import ssl
from datetime import datetime, timezone
from typing import Any

import pytest

from proxy import startup
from proxy.cli.doctor import endings, local
from proxy.cli.doctor.report import Finding, Report
from tests.support.doctor import KEY, LISTED, answer, answers, findings_of, new_report, only_with_a_key, probe
from tests.support.upstream import Upstream

TODAY = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


def found(data: Any, *used: str, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    monkeypatch.setattr("time.time", TODAY.timestamp)
    report = Report(lambda _: None, lambda _: None)
    endings.examine(data, report, used)
    return report.findings


def model(name: str, day: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "shutdown_date": day}


@pytest.mark.parametrize(
    "day",
    [
        "2026-12-11",
        "2026-12-11T00:00:00Z",
        "2026-12-11T23:59:59.5+00:00",
        datetime(2026, 12, 11, tzinfo=timezone.utc).timestamp(),
        int(datetime(2026, 12, 11, tzinfo=timezone.utc).timestamp()),
    ],
)
def test_a_date_in_any_form_is_read(day: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = found([model("gpt-5", day), model("gpt-5.5", None)], monkeypatch=monkeypatch)
    assert (finding.code, finding.state) == ("models.ending", "warning")
    assert finding.text("en")[0] == "the list has models that end within 90 days or have ended (1): gpt-5 (2026-12-11)"
    assert "gpt-5 (2026-12-11)" in finding.text("zh")[0] and "下线" in finding.text("zh")[0]


@pytest.mark.parametrize("day", [None, "", "soon", "2027-02-25", 0, -1, 1e300, [], {}, "20261211x", float("nan")])
def test_a_day_that_is_far_off_or_none_is_no_warning(day: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found([model("m", day)], monkeypatch=monkeypatch) == []


@pytest.mark.parametrize("data", [None, {}, "x", [], ["x", None, 5], [{"shutdown_date": "2030-01-01"}]])
def test_a_list_of_another_shape_is_no_warning(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(data, monkeypatch=monkeypatch) == []


def test_the_last_day_of_the_three_months_counts_and_so_does_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    data = [model("a", "2027-02-24"), model("b", "2027-02-25"), model("c", "2025-01-01")]
    (finding,) = found(data, monkeypatch=monkeypatch)
    assert finding.values["list"] == "c (2025-01-01), a (2027-02-24)"


def test_models_that_the_configuration_names_come_first_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = [model(f"m{number}", f"2026-12-{number + 1:02}") for number in range(12)]
    (finding,) = found(data, "m9", "m11", monkeypatch=monkeypatch)
    assert finding.values["list"].startswith("m9 (2026-12-10), m11 (2026-12-12), m0 (2026-12-01)")
    assert finding.values["list"].endswith(", …") and finding.values["count"] == 12


ENDED = answer({"data": [model("old", "2020-01-01"), model("theirs", "2020-02-01"), model("new", None)]})


def test_an_endpoint_whose_upstream_gives_the_dates_is_warned_about(upstream: Upstream) -> None:
    upstream.choose = answers({**LISTED, "GET /v1/models": only_with_a_key(ENDED)}, answer({}, 404))
    findings = probe(upstream.url.removesuffix("/v1"))
    assert findings.of("models.ending")["list"] == "old (2020-01-01), theirs (2020-02-01)"


def test_the_local_check_asks_each_upstream_once_and_puts_configured_models_first(upstream: Upstream) -> None:
    upstream.choose = lambda call: ENDED if call.header("authorization") != "Bearer dead" else answer({}, 401)
    one = {"name": "one", "base_url": upstream.url, "keys": ["dead", KEY, f"{KEY}-2"]}
    tables = [
        {**one, "aliases": {"mine": "theirs"}, "models": ["m-*"]},
        {**one, "name": "two", "models": ["old", "x-*"]},
    ]
    report = new_report()
    report.hide([KEY])
    settings = startup.load({"UPSTREAMS": json.dumps(tables), "PROXY_KEY": "pk-of-callers"})
    local.upstreams(settings, report, ssl.create_default_context())
    shown = [finding.values["list"] for finding in findings_of(report).all if finding.code == "models.ending"]
    assert shown == ["theirs (2020-02-01), old (2020-01-01)", "old (2020-01-01), theirs (2020-02-01)"]
