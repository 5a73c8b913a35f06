"""`python -m proxy doctor` as people run it: what it prints, in which language, and never a key."""

from __future__ import annotations

import base64
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
from proxy.cli.doctor import command, keys, remote, words_en, words_zh
from proxy.cli.doctor.report import Finding
from tests.cli.test_bundle import free_port
from tests.conftest import Serve
from tests.support.doctor import KEY, noted
from tests.support.paths import ROOT

LOCALE = ("LANG", "LC_ALL", "LC_MESSAGES", "NO_COLOR", "SSL_CERT_FILE", *keys.NAMES)
GUARDED = {"DEMO": "1", "PROXY_KEY": KEY}


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOCALE:
        monkeypatch.delenv(name, raising=False)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_words_with_the_same_values() -> None:
    assert words_en.TEXTS.keys() == words_zh.TEXTS.keys()
    for code, (_, *english) in words_en.TEXTS.items():
        for one, other in zip(english, words_zh.TEXTS[code], strict=True):
            assert fields(one) == fields(other), code
            assert bool(one) == bool(other), code
        if fields(words_zh.TEXTS[code][0]) == set() or "{" not in words_zh.TEXTS[code][0]:
            assert re.search("[\u4e00-\u9fff]", words_zh.TEXTS[code][0]), code
    shared = [name for name in vars(words_en) if name.isupper() and isinstance(getattr(words_en, name), str)]
    for name in {*shared} - {"OK", "WARNING", "FAILED", "SKIPPED"}:
        assert fields(getattr(words_en, name)) == fields(getattr(words_zh, name))


def test_no_words_are_left_that_nothing_says() -> None:
    sources = "".join(
        path.read_text() for path in (ROOT / "proxy/cli").rglob("doctor*/*.py") if "words" not in path.name
    )
    sources += (ROOT / "proxy/cli/doctor/command.py").read_text()
    for code in words_en.TEXTS:
        check = code.partition(".")[0]
        assert f'"{code}"' in sources or (check in ("package", "access") and f'f"{check}.{{' in sources), code


def test_a_failure_always_says_what_to_do() -> None:
    assert [code for code, (state, _, todo) in words_en.TEXTS.items() if state == "failed" and not todo] == []


def test_a_sound_endpoint_in_both_languages(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_KEY", KEY)
    assert main(["doctor", "--url", serve(**GUARDED).url]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("This asks the model twice for at most 24 tokens")
    assert "✓ key from SLUICE_KEY\n" in told.out and "\n✓ streams: " in told.out and "0 to mend" in told.out
    assert KEY not in told.out + told.err and "\x1b" not in told.out and told.err == ""
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert main(["doctor", "--size", "--url", serve(**GUARDED).url]) == 0
    told = capsys.readouterr()
    assert "✓ 密钥来自 SLUICE_KEY\n" in told.out and "不花 token" in told.out and "需要处理 0 项" in told.out


def test_json_is_one_object(serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-other")
    assert main(["doctor", "--url", f"{serve(**GUARDED).url}/v1", "--key", "-", "--json", "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert KEY not in out and "canary" not in out and out.count("\n") == 1
    told = json.loads(out)
    assert set(told) == {"version", "url", "ok", "counts", "cost", "findings"}
    assert told["ok"] is True and told["url"].endswith("/v1") and told["counts"]["failed"] == 0
    for one in told["findings"]:
        assert set(one) == {"check", "state", "code", "message", "advice", "values"}
        assert one["state"] in ("ok", "warning", "failed", "skipped") and one["code"].startswith(one["check"])
    (streamed,) = [one for one in told["findings"] if one["code"] == "stream.ok"]
    assert len(streamed["values"]["gaps_ms"]) > 20
    assert sum(told["counts"].values()) == len(told["findings"])


def test_what_is_broken_is_exit_code_1_with_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    out = capsys.readouterr().out
    assert "\n✗ TCP: no connection" in out and "\n  → Check the port" in out and "1 to mend" in out


@pytest.mark.parametrize("more", [["--url", "ftp://x"], ["--key", KEY], ["--url", "https://a.test", "--key", KEY]])
def test_a_wrong_command_is_exit_code_2_and_repeats_no_key(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *more]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("sluice: --") and KEY not in told.err and told.out == ""


def test_a_machine_is_looked_at_without_a_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setenv("DEMO", "1")
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["url"] is None and "no tokens" in told["cost"]
    assert {"python.ok", "settings.ok", "bundle.none"} <= {one["code"] for one in told["findings"]}
    monkeypatch.setenv("DEMO", "perhaps")
    assert main(["doctor"]) == 1
    assert "DEMO takes 1 or 0" in capsys.readouterr().out


def test_certificates_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_json_is_plain_where_the_encoding_is_another(serve: Serve) -> None:
    environ = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PATH": ""}
    command = [sys.executable, "-m", "proxy", "doctor", "--json", "--lang", "zh", "--url", serve(**GUARDED).url]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    assert done.stdout.isascii() and "接口地址" in json.loads(done.stdout)["findings"][0]["message"]


def test_it_runs_as_a_process_without_a_terminal_or_utf_8(serve: Serve) -> None:
    environ = {"PYTHONPATH": str(ROOT), "SLUICE_KEY": KEY, "PYTHONIOENCODING": "ascii", "PATH": "", "LANG": "C"}
    command = [sys.executable, "-m", "proxy", "doctor", "--url", serve(**GUARDED).url]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    assert "\n+ streams: " in done.stdout and done.stderr == "" and KEY not in done.stdout


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


FOUND = Finding("tcp.failed", {"host": "h", "port": 1, "why": "\x1b[2Jgone\n"})


@pytest.mark.parametrize(
    ("environ", "coloured", "moves"),
    [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"TERM": "dumb"}, False, False)],
)
def test_colours_and_what_is_waited_for_are_for_terminals(environ: dict[str, str], coloured: bool, moves: bool) -> None:
    out, errors = Terminal(), Terminal()
    shown = command.Shown(out, errors, environ, "en")
    shown.begin("DNS")
    shown.tell(FOUND)
    text = out.getvalue()
    assert ("\x1b[31m✗\x1b[0m" in text) is coloured and "TCP: no connection to h port 1: [2Jgone" in text
    assert errors.getvalue() == ("… DNS\r\x1b[K" if moves else "")


def test_an_encoding_without_the_marks_gets_plain_ones() -> None:
    for encoding in ("ascii", None):
        out = Terminal()
        out.encoding = encoding  # type: ignore[assignment]
        command.Shown(out, Terminal(), {"NO_COLOR": "1"}, "en").tell(FOUND)
        assert out.getvalue().startswith("x TCP") and "\n  > Check" in out.getvalue()


def test_a_report_in_json_prints_nothing_on_the_way() -> None:
    out = Terminal()
    command.Shown(out, io.StringIO(), {}, "en", silent=True).tell(FOUND)
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
    assert command.language_of(environ) == language


def test_where_the_key_comes_from() -> None:
    both = {"PROXY_KEY": " , p1, p2", "OPENAI_API_KEY": " ", "OPENAI_KEY": "o1,o2"}
    assert keys.found_in({"SLUICE_KEY": " a ", **both}, None) == keys.Keys("a", "SLUICE_KEY", "p1", "o1", "OPENAI_KEY")
    assert keys.found_in({"SLUICE_KEY": " ", **both}, None) == keys.Keys("", "", "p1", "o1", "OPENAI_KEY")
    assert keys.found_in({}, None) == keys.Keys()
    assert keys.found_in({"SLUICE_KEY": "a"}, "c") == keys.Keys("c", "stdin")
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
    report = noted()
    assert keys.choose(had, access, safe, report) == chosen
    assert [one.code for one in report.findings] == codes


def test_wrong_addresses_are_told_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    for url, language, told in (
        ("ftp://x", "en", "takes an address"),
        ("http://[", "zh", "不带用户名"),
        ("https://a.test:99999", "en", "a port that there is not"),
        ("https://a.test:99999", "zh", "端口从"),
    ):
        assert main(["doctor", "--url", url, "--lang", language]) == 2
        assert told in capsys.readouterr().err


def test_base64_of_a_secret_is_blackened_too() -> None:
    report = noted()
    report.keep_secret(["sk-canary-own"])
    for before in ("", "u", "u:", "usr", "usr:"):
        report.add("ready.warning", message=base64.b64encode(f"{before}sk-canary-own:x".encode()).decode())
        assert "***" in report.findings[-1].values["message"]
        assert len(report.findings[-1].values["message"]) < 18


def test_chinese_has_full_width_punctuation() -> None:
    for what in words_zh.TEXTS.values():
        for text in what:
            assert not re.search("[\u4e00-\u9fff][,:;()!?]|[,:;()!?][\u4e00-\u9fff]", text), text


def test_secrets_and_their_parts_are_blackened() -> None:
    report = noted()
    report.keep_secret(["sk-own-part:proxy-part", "abc", ""])
    values: dict[str, Any] = {"message": "sk-own-part and proxy-part, not abc", "count": 3}
    report.add("ready.warning", **values)
    assert report.findings[0].values == {"message": "*** and ***, not abc", "count": 3}


def test_no_function_imports_the_doctor() -> None:
    for path in (ROOT / "proxy").rglob("*.py"):
        if "cli" not in path.parts and path.name != "__main__.py":
            assert not re.search(r"^\s*(from|import) proxy\.cli", path.read_text(encoding="utf-8"), re.MULTILINE)
