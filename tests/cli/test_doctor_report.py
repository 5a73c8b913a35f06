"""`doctor --report`: what the report tells of a real endpoint, where it is written, and what is refused."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from proxy import __version__
from proxy.__main__ import main
from proxy.adapters.scf_web import ScfWebApp
from proxy.cli.doctor import addresses, apis, deployment, keys, messages_en, shareable
from proxy.cli.doctor.report import Report
from proxy.cli.doctor.shareable import Scope
from proxy.platforms.registry import DOORS, FUNCTIONS
from tests.conftest import Serve
from tests.support.doctor import GUARDED, KEY, answer, answers, new_report
from tests.support.upstream import Upstream

DAY = date(2026, 11, 27)
URL = "https://abc.lambda-url.ap-southeast-1.on.aws"


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANG", "LC_ALL", "LC_MESSAGES", *keys.NAMES):
        monkeypatch.delenv(name, raising=False)


def rows(text: str) -> dict[str, str]:
    """The tables' rows by their first cell; the cells after it as one text."""
    return dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", text, re.MULTILINE))


def told(report: Report, root: str = URL, **more: Any) -> dict[str, str]:
    return rows(shareable.markdown(report, Scope(root, DAY, **more)))


def report_of(*codes: str, **values: Any) -> Report:
    report = new_report()
    for code in codes:
        report.add(code, **values)
    return report


def test_a_real_endpoint_s_report_has_what_was_measured(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_KEY", KEY)
    url = serve(ScfWebApp, **GUARDED).url
    assert main(["doctor", "--url", url, "--size", "--report"]) == 0
    captured = capsys.readouterr()
    text, found = captured.out, rows(captured.out)
    assert text.startswith("# Sluice endpoint report\n\n") and text.isascii() and captured.err == ""
    assert found["platform"] == "Tencent Cloud Functions (SCF) (`tencent-scf-web`)" and found["door"] == "web function"
    assert found["Sluice there"] == __version__ and found["Python there"].endswith("made for 3.10")
    assert found["doctor"].startswith(f"Sluice {__version__}, Python {sys.version_info.major}.")
    assert found["region"] == "not in the address" and found["called over"].startswith("this machine")
    assert found["streamed events"] == "one by one" and int(found["number"].split()[0]) > 20
    for name in ("first event after", "median gap", "longest gap", "first response", "second response"):
        assert re.match(r"[\d.]+ ms", found[name]), name
    assert found["a request of 4000000 bytes"] == "accepted"
    assert found["a request of 6001000 bytes"] == "refused with HTTP 413"
    assert found["chat completions"] == "served"
    assert found["`stream.ok`"].startswith("ok | first ") and found["`access.guarded`"] == "ok | -"
    assert "0 to fix" in found["result"] and "127.0.0.1" not in text and url.rpartition(":")[2] not in text


def test_the_date_is_today_s_in_utc(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    main(["doctor", "--url", serve(DEMO="1").url, "--report"])
    assert rows(capsys.readouterr().out)["date"] in (f"{today} (UTC)", time.strftime("%Y-%m-%d (UTC)", time.gmtime()))


def test_a_file_takes_the_report_and_the_terminal_the_findings(
    serve: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "report.md"
    assert main(["doctor", "--url", serve(DEMO="1").url, "--report", str(file)]) == 0
    out = capsys.readouterr().out
    assert "✓ streaming works" in out and out.endswith(f"The report is in {file}. Read it, then share it as "
                                                       "docs/verified.md says.\n")  # fmt: skip
    assert file.read_bytes().startswith(b"# Sluice endpoint report\n\n") and b"\r" not in file.read_bytes()
    assert main(["doctor", "--url", serve(DEMO="1").url, "--json", "--report", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_a_file_that_cannot_be_written_is_named(
    serve: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["doctor", "--url", serve(DEMO="1").url, "--report", str(tmp_path / "nowhere" / "r.md")]) == 1
    captured = capsys.readouterr()
    assert "nowhere/r.md cannot be written: No such file" in captured.err and "The report is in" not in captured.out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--report"], messages_en.REPORT_NEEDS_URL),
        (["--url", URL, "--with-host"], messages_en.HOST_NEEDS_REPORT),
        (["--url", URL, "--json", "--report"], messages_en.REPORT_NEEDS_FILE),
        (["--url", "", "--report"], messages_en.INVALID_URL),
    ],
)
def test_options_that_do_not_fit_are_refused(more: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *more]) == 2
    assert capsys.readouterr() == ("", f"sluice: {message}\n")


def test_the_host_is_named_only_if_asked() -> None:
    assert "host" not in told(new_report()) and "abc" not in shareable.markdown(new_report(), Scope(URL, DAY))
    assert told(new_report(), with_host=True)["host"] == "`abc.lambda-url.ap-southeast-1.on.aws`"
    path = "https://llm.example.com/sk-a-key-in-the-path"
    text = shareable.markdown(new_report(), Scope(path, DAY, with_host=True))
    assert "sk-a-key" not in text and "`llm.example.com`" in text
    assert told(new_report(), "https://a|b`c.test", with_host=True)["host"] == "`a?b?c.test`"


def test_an_endpoint_that_nothing_is_known_of() -> None:
    found = told(report_of("dns.failed", host="h.test"))
    unknown = ("platform", "door", "Sluice there", "Python there", "streamed events", "Gemini", "`dns.failed`")
    assert [found[name] for name in unknown] == [
        "not recognised", "-", "not told", "not told", "not tried", "not tried", "failed | -"]  # fmt: skip
    assert found["called over"] == "the network" and found["request sizes"] == "not tried (`--size`)"
    assert told(new_report(), sizes=True)["request sizes"] == "not tried: an earlier check failed"
    assert told(report_of("size.unknown"), sizes=True)["request sizes"].startswith("not tried: no limit")
    assert told(report_of("way.proxied"))["called over"] == "the network, through an outbound proxy"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_of_the_registry_is_recognised(function: str) -> None:
    found = told(report_of("platform.ok", platform=function, version="1.2.3rc1"), "https://llm.example.com")
    assert f"(`{function}`)" in found["platform"] and found["Sluice there"] == "1.2.3rc1"
    assert found["door"] == " or ".join(door.name for door in FUNCTIONS[function].doors)


@pytest.mark.parametrize(
    ("function", "host", "doors"),
    [
        ("aws-lambda-buffered", "abc.lambda-url.us-east-1.on.aws", ["function URL"]),
        ("aws-lambda-buffered", "abc.execute-api.us-east-1.amazonaws.com", ["HTTP API", "REST API"]),
        ("aws-lambda-buffered", "my-alb-1.us-east-1.elb.amazonaws.com", ["ALB"]),
        ("aws-lambda-stream", "abc.lambda-url.us-east-1.on.aws", ["function URL stream"]),
        ("aws-lambda-stream", "abc.execute-api.us-east-1.amazonaws.com", ["REST API stream"]),
    ],
)
def test_the_host_s_name_tells_the_door(function: str, host: str, doors: list[str]) -> None:
    assert [door.name for door in deployment.doors_of(FUNCTIONS[function], host)] == doors
    platform = "aws"
    assert all((platform, name) in DOORS for name in doors)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("abc.lambda-url.ap-southeast-1.on.aws", "ap-southeast-1"),
        ("abc.execute-api.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("my-alb-1.eu-central-1.elb.amazonaws.com", "eu-central-1"),
        ("123-abc.ap-singapore.tencentscf.com", "ap-singapore"),
        ("123-abc.na-siliconvalley.tencentscf.com", "na-siliconvalley"),
        ("123-abc.ap-shanghai-fsi.tencentscf.com", "ap-shanghai-fsi"),
        ("123-abc.ap-mycompany.tencentscf.com", None),
        ("abc.lambda-url.secret.on.aws", None),
        ("ap-singapore.example.com", None),
    ],
)
def test_a_region_is_shown_if_it_is_one(host: str, region: str | None) -> None:
    assert addresses.known_region(f"https://{host}") == region


@pytest.mark.parametrize("version", ["1.2.3.4", "10.0.0.1-x", "1234567.1.1", "unknown", "sk-secret", "1.2.3 secret"])
def test_what_is_no_version_is_not_repeated(version: str) -> None:
    assert told(report_of("platform.buffered", platform="server", version=version))["Sluice there"] == "not told"


def test_how_the_events_came() -> None:
    measured = {"events": 3, "first": 20, "gaps_ms": [10.0, 40.06]}
    found = told(report_of("stream.lumps", lumps=2, **measured))
    assert found["streamed events"].startswith("in batches") and found["arrived in"] == "2 batches"
    assert (found["median gap"], found["longest gap"]) == ("25.0 ms", "40.06 ms")
    assert (found["number"], found["first event after"]) == ("3 events", "20 ms")
    one = told(report_of("stream.few", events=1, first=5, gaps_ms=[]))
    assert one["streamed events"] == "too few events to tell" and "median gap" not in one
    both = new_report()
    both.add("stream.no_end", events=9)
    both.add("stream.ok", **measured)
    assert told(both)["streamed events"] == "one by one"
    assert told(report_of("stream.failed"))["streamed events"] == "no stream came"
    codes = {code for code in messages_en.TEXTS if code.startswith(("stream.", "size."))}
    assert codes == shareable.ARRIVAL.keys() | shareable.SIZES.keys()


def test_a_cold_start_is_named() -> None:
    cold, warm = (told(report_of(code, first=900, later=30)) for code in ("start.cold", "start.ok"))
    assert cold["first response"] == "900 ms (a cold start)" and warm["first response"] == "900 ms"
    assert cold["second response"] == "30 ms"


def test_every_api_has_its_row() -> None:
    assert shareable.APIS.keys() == apis.PATHS.keys()
    found = told(report_of("chat_api.served", "responses_api.none", "messages_api.unknown"))
    shown = [found[name] for name in shareable.APIS.values()]
    assert shown == ["served", "not served", "tried, no clear answer", "not tried"]


def test_numbers_stay_within_what_can_be_true() -> None:
    found = told(report_of("clock.skewed", seconds=-(10**12)))
    assert found["`clock.skewed`"] == "warning | under -100000 s"
    assert told(report_of("models.ok", count=10**9, ms=True))["`models.ok`"] == "ok | count over 10000"
    quoted = report_of("models.failed", what="HTTP 503, sk-secret of HTTP 404")
    assert told(quoted)["`models.failed`"] == "failed | HTTP 503"
    assert told(report_of("models.failed", what="HTTP 5031"))["`models.failed`"] == "failed | -"


def test_a_stopped_endpoint_is_reported_too(
    upstream: Upstream, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))
    stopped = answer({"error": {"code": "configuration_error", "message": f"PROXY_KEY {KEY} is too short"}}, 500)
    upstream.choose = answers({}, stopped)
    assert main(["doctor", "--url", f"http://127.0.0.1:{upstream.port}", "--key", "-", "--report"]) == 1
    text = capsys.readouterr().out
    assert rows(text)["`platform.stopped`"] == "failed | -" and KEY not in text and "short" not in text
