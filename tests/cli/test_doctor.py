"""`python -m proxy doctor` as people run it: what it prints, in which language, and never a key."""

from __future__ import annotations

import base64
import getpass
import io
import json
import re
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.__main__ import main
from proxy.cli.doctor import apis, command, keys, messages_en, messages_zh, remote
from proxy.cli.doctor.report import Finding
from proxy.cli.language import language_of
from tests.conftest import Serve
from tests.support.doctor import KEY, new_report
from tests.support.paths import ROOT
from tests.support.process import free_port

LOCALE = ("LANG", "LC_ALL", "LC_MESSAGES", "NO_COLOR", "SSL_CERT_FILE", *keys.NAMES)
GUARDED = {"DEMO": "1", "PROXY_KEY": KEY}


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOCALE:
        monkeypatch.delenv(name, raising=False)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts_with_the_same_placeholders() -> None:
    assert messages_en.TEXTS.keys() == messages_zh.TEXTS.keys()
    for code, (_, *english) in messages_en.TEXTS.items():
        for en, zh in zip(english, messages_zh.TEXTS[code], strict=True):
            assert fields(en) == fields(zh), code
            assert bool(en) == bool(zh), code
        if fields(messages_zh.TEXTS[code][0]) == set() or "{" not in messages_zh.TEXTS[code][0]:
            assert re.search("[\u4e00-\u9fff]", messages_zh.TEXTS[code][0]), code
    shared = [name for name in vars(messages_en) if name.isupper() and isinstance(getattr(messages_en, name), str)]
    for name in {*shared} - {"OK", "WARNING", "FAILED", "SKIPPED"}:
        assert fields(getattr(messages_en, name)) == fields(getattr(messages_zh, name))


def test_every_text_is_used() -> None:
    sources = "".join(
        path.read_text() for path in (ROOT / "proxy/cli").rglob("doctor*/*.py") if "messages" not in path.name
    )
    sources += (ROOT / "proxy/cli/doctor/command.py").read_text()
    for code in messages_en.TEXTS:
        check = code.partition(".")[0]
        made = check in ("package", "access") and f'f"{check}.{{' in sources
        of_an_api = check.removesuffix("_api") in apis.PATHS and 'f"{api}_api.{' in sources
        assert f'"{code}"' in sources or made or of_an_api, code


def test_a_failure_always_says_what_to_do() -> None:
    assert [code for code, (state, _, todo) in messages_en.TEXTS.items() if state == "failed" and not todo] == []


def test_a_healthy_endpoint_in_both_languages(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_KEY", KEY)
    assert main(["doctor", "--url", serve(**GUARDED).url]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("This calls the model twice, for at most 24 tokens each")
    assert (
        "✓ key from SLUICE_KEY\n" in captured.out
        and "\n✓ streaming works: " in captured.out
        and "0 to fix" in captured.out
    )
    assert KEY not in captured.out + captured.err and "\x1b" not in captured.out and captured.err == ""
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert main(["doctor", "--size", "--url", serve(**GUARDED).url]) == 0
    captured = capsys.readouterr()
    assert (
        "✓ 密钥来自 SLUICE_KEY\n" in captured.out and "不消耗 token" in captured.out and "需要处理 0 项" in captured.out
    )


def test_a_terminal_asks_for_the_key_and_does_not_show_it(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return f"{KEY}\n"

    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(getpass, "getpass", typed)
    assert main(["doctor", "--url", serve(**GUARDED).url, "--key", "-", "--lang", "en"]) == 0
    assert asked == ["Key that callers send (what you type is not shown): "]


def test_json_output_is_one_object(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-other")
    assert main(["doctor", "--url", f"{serve(**GUARDED).url}/v1", "--key", "-", "--json", "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert KEY not in out and "canary" not in out and out.count("\n") == 1
    output = json.loads(out)
    assert set(output) == {"version", "url", "ok", "counts", "cost", "findings"}
    assert output["ok"] is True and output["url"].endswith("/v1") and output["counts"]["failed"] == 0
    for finding in output["findings"]:
        assert set(finding) == {"check", "state", "code", "message", "advice", "values"}
        assert finding["state"] in ("ok", "warning", "failed", "skipped") and finding["code"].startswith(
            finding["check"]
        )
    (streamed,) = [finding for finding in output["findings"] if finding["code"] == "stream.ok"]
    assert len(streamed["values"]["gaps_ms"]) > 20
    assert sum(output["counts"].values()) == len(output["findings"])


def test_a_problem_exits_with_1_and_gives_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    out = capsys.readouterr().out
    assert "\n✗ TCP: no connection" in out and "\n  → Check the port" in out and "1 to fix" in out


@pytest.mark.parametrize("more", [["--url", "ftp://x"], ["--key", KEY], ["--url", "https://a.test", "--key", KEY]])
def test_a_wrong_command_exits_with_2_and_does_not_repeat_the_key(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *more]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("sluice: --") and KEY not in captured.err and captured.out == ""


def test_without_a_url_the_local_machine_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setenv("DEMO", "1")
    assert main(["doctor", "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["url"] is None and "no tokens" in output["cost"]
    assert {"python.ok", "settings.ok", "bundle.none"} <= {finding["code"] for finding in output["findings"]}
    monkeypatch.setenv("DEMO", "perhaps")
    assert main(["doctor"]) == 1
    assert "DEMO must be 1 or 0" in capsys.readouterr().out


def test_an_unreadable_certificate_file_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    assert main(["doctor", "--url", "https://127.0.0.1"]) == 1
    assert "SSL_CERT_FILE" in capsys.readouterr().out


def test_without_httpx_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    assert main(["doctor"]) == 1
    assert "pip install httpx" in capsys.readouterr().err


def test_ctrl_c_ends_it_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(remote, "examine", interrupted)
    assert main(["doctor", "--url", "https://a.test", "--json"]) == 130
    assert capsys.readouterr() == ("", "")


def test_json_output_is_ascii_unless_the_encoding_is_utf_8(serve: Serve) -> None:
    environ = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PATH": ""}
    command = [sys.executable, "-m", "proxy", "doctor", "--json", "--lang", "zh", "--url", serve(**GUARDED).url]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    assert done.stdout.isascii() and "接口地址" in json.loads(done.stdout)["findings"][0]["message"]


def test_it_runs_as_a_process_without_a_terminal_or_utf_8(serve: Serve) -> None:
    environ = {"PYTHONPATH": str(ROOT), "SLUICE_KEY": KEY, "PYTHONIOENCODING": "ascii", "PATH": "", "LANG": "C"}
    command = [sys.executable, "-m", "proxy", "doctor", "--url", serve(**GUARDED).url]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    assert "\n+ streaming works: " in done.stdout and done.stderr == "" and KEY not in done.stdout


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


FOUND = Finding("tcp.failed", {"host": "h", "port": 1, "why": "\x1b[2Jgone\n"})


@pytest.mark.parametrize(
    ("environ", "coloured", "moves"),
    [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"TERM": "dumb"}, False, False)],
)
def test_colours_and_progress_are_for_terminals(environ: dict[str, str], coloured: bool, moves: bool) -> None:
    out, errors = Terminal(), Terminal()
    output = command.Output(out, errors, environ, "en")
    output.progress("DNS")
    output.finding(FOUND)
    text = out.getvalue()
    assert ("\x1b[31m✗\x1b[0m" in text) is coloured and "TCP: no connection to h port 1: [2Jgone" in text
    assert errors.getvalue() == ("… DNS\r\x1b[K" if moves else "")


def test_an_encoding_without_the_marks_gets_ascii_ones() -> None:
    for encoding in ("ascii", None):
        out = Terminal()
        out.encoding = encoding  # type: ignore[assignment]
        command.Output(out, Terminal(), {"NO_COLOR": "1"}, "en").finding(FOUND)
        assert out.getvalue().startswith("x TCP") and "\n  > Check" in out.getvalue()


def test_a_report_in_json_prints_no_lines() -> None:
    out = Terminal()
    command.Output(out, io.StringIO(), {}, "en", silent=True).finding(FOUND)
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "en_US"}, "zh"),
    ],
)
def test_the_language_is_the_locale_s(environ: dict[str, str], language: str) -> None:
    assert language_of(environ) == language


def test_where_the_key_comes_from() -> None:
    both = {"PROXY_KEY": " , p1, p2", "OPENAI_API_KEY": " ", "OPENAI_KEY": "o1,o2"}
    assert keys.available({"SLUICE_KEY": " a ", **both}, None) == keys.Keys("a", "SLUICE_KEY", "p1", "o1", "OPENAI_KEY")
    assert keys.available({"SLUICE_KEY": " ", **both}, None) == keys.Keys("", "", "p1", "o1", "OPENAI_KEY")
    assert keys.available({}, None) == keys.Keys()
    assert keys.available({"SLUICE_KEY": "a"}, "c") == keys.Keys("c", "stdin")
    assert keys.secrets(both, "c")[0] == "c" and {"p1", "p2", "o1", "o2"} <= set(keys.secrets(both, "c"))
    assert "secret" not in repr(keys.Keys("secret-1", "", "secret-2", "secret-3"))


ALL = keys.Keys("", "", "proxy", "own", "OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("had", "access", "safe", "chosen", "codes"),
    [
        (ALL, "proxy-key", True, "proxy", ["key.source"]),
        (ALL, "", False, "proxy", ["key.source"]),
        (ALL, "own-key", True, "own", ["key.source"]),
        (ALL, "own-key", False, "", ["key.withheld"]),
        (ALL, "own-key-and-proxy-key", True, "own:proxy", ["key.source"]),
        (ALL, "own-key-and-proxy-key", False, "", ["key.withheld"]),
        (keys.Keys(own="own"), "own-key-and-proxy-key", True, "", []),
        (keys.Keys(own="own"), "proxy-key", True, "", []),
        (keys.Keys(own="own"), "", False, "", []),
        (keys.Keys("given", "stdin", "proxy", "own"), "own-key", False, "given", ["key.source"]),
    ],
)
def test_which_key_goes_where(had: keys.Keys, access: str, safe: bool, chosen: str, codes: list[str]) -> None:
    report = new_report()
    assert keys.choose(had, access, safe, report) == chosen
    assert [finding.code for finding in report.findings] == codes


def test_wrong_addresses_are_refused_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    for url, language, message in (
        ("ftp://x", "en", "must be an address"),
        ("http://[", "zh", "不带用户名"),
        ("https://a.test:99999", "en", "an invalid port"),
        ("https://a.test:99999", "zh", "端口范围"),
    ):
        assert main(["doctor", "--url", url, "--lang", language]) == 2
        assert message in capsys.readouterr().err


def test_base64_of_a_secret_is_blackened_too() -> None:
    report = new_report()
    report.hide(["sk-canary-own"])
    for before in ("", "u", "u:", "usr", "usr:"):
        report.add("ready.warning", message=base64.b64encode(f"{before}sk-canary-own:x".encode()).decode())
        assert "***" in report.findings[-1].values["message"]
        assert len(report.findings[-1].values["message"]) < 18


def test_chinese_has_full_width_punctuation() -> None:
    for what in messages_zh.TEXTS.values():
        for text in what:
            assert not re.search("[\u4e00-\u9fff][,:;()!?]|[,:;()!?][\u4e00-\u9fff]", text), text


def test_secrets_and_their_parts_are_blackened() -> None:
    report = new_report()
    report.hide(["sk-own-part:proxy-part", "abc", ""])
    values: dict[str, Any] = {"message": "sk-own-part and proxy-part, not abc", "count": 3}
    report.add("ready.warning", **values)
    assert report.findings[0].values == {"message": "*** and ***, not abc", "count": 3}


def test_no_function_imports_the_doctor() -> None:
    for path in (ROOT / "proxy").rglob("*.py"):
        if "cli" not in path.parts and path.name != "__main__.py":
            assert not re.search(r"^\s*(from|import) proxy\.cli", path.read_text(encoding="utf-8"), re.MULTILINE)
