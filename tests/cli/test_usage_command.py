"""`python -m proxy usage`, from its options to its exit code."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proxy import __main__ as main
from proxy.cli.usage import sources
from tests.support.client import call
from tests.support.log_exports import FORMATS, fields, filter_log_events, line
from tests.support.paths import ROOT
from tests.support.process import port_of, served

KEY = "a-proxy-key-of-this-test"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str) -> int:
    return main.main(["usage", *arguments])


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run("--json", *arguments) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_all_formats_mix_in_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for number, wrap in enumerate(FORMATS.values()):
        files.append(write(tmp_path / f"{number}.log", wrap([line(2 * number), line(2 * number + 1)])))
    document = figures(capsys, *files)
    assert document["total"]["calls"] == 2 * len(FORMATS) and document["duplicate_calls"] == 0
    assert document["total"]["cost_usd"] == f"{0.000015 * 2 * len(FORMATS):.6f}"
    assert figures(capsys, str(tmp_path), files[0])["duplicate_calls"] == 2  # a folder, and a file of it again


def test_gzip_and_utf_16_are_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    member = gzip.compress(filter_log_events([line(1)]).encode())
    (tmp_path / "000000.gz").write_bytes(member + gzip.compress(f"{line(2)}\n".encode()))
    for number, encoding in enumerate(("utf-16-le", "utf-16-be", "utf-8"), 3):
        (tmp_path / encoding).write_bytes(f"\ufeff{line(number)}\r\n".encode(encoding))
    assert figures(capsys, str(tmp_path))["total"]["calls"] == 5


def test_broken_utf_8_harms_its_own_line_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    broken = line(1).encode().replace(b"alice", b"al\xff\xfece")
    log.write_bytes(b"\xc3\x28\xff\n" + broken + b"\n" + line(2).encode() + b"\n\xe7\x8e")
    assert run("--by", "key", str(log)) == 0
    shown = capsys.readouterr()
    assert "al\ufffd\ufffdce/3fa2c1" in shown.out and "alice/3fa2c1" in shown.out
    assert "lines and entries that are not Sluice's: 2" in shown.err


def test_days_are_filtered_and_shifted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stamps = ["2026-11-25T23:00:00.000Z", "2026-11-26T12:00:00.000Z", "2026-11-27T17:00:00.000Z", "?"]
    log = write(tmp_path / "log", "".join(f"{line(n, timestamp=stamp)}\n" for n, stamp in enumerate(stamps)))

    def days(*options: str) -> list[str]:
        return [group["day"] for group in figures(capsys, "--by", "day", *options, log)["groups"]]

    assert days() == ["-", "2026-11-25", "2026-11-26", "2026-11-27"]
    assert days("--since", "2026-11-26") == ["2026-11-26", "2026-11-27"]
    assert days("--until", "2026-11-26") == ["2026-11-25", "2026-11-26"]
    assert days("--since", "2026-11-26", "--until", "2026-11-26", "--utc-offset", "+08:00") == ["2026-11-26"]
    assert days("--utc-offset=-05:00") == ["-", "2026-11-25", "2026-11-26", "2026-11-27"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "key,user"], "cannot group by 'user'"),
        (["--since", "27.11.2026"], "Write it like 2026-11-27"),
        (["--until", "2026-02-30"], "not a day"),
        (["--utc-offset", "CST"], "Write it like +08:00"),
        (["--csv", "--json"], "not allowed with"),
    ],
)
def test_a_wrong_option_is_exit_code_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments, "-")
    assert caught.value.code == 2 and message in capsys.readouterr().err


def test_nothing_to_read_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert run() == 2
    message = capsys.readouterr().err
    assert "Name log files, or pipe a log" in message and "or set STORE" in message


def test_stdin_is_read_without_a_file_or_with_a_dash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["-"]):
        data = io.BytesIO(gzip.compress(line(1).encode()))
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data, isatty=lambda: False))
        assert figures(capsys, *arguments)["total"]["calls"] == 1


def test_what_cannot_be_read_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = gzip.compress("".join(f"{line(number)}\n" for number in range(3_000)).encode())
    files = {"cut": data[:-2_000], "damaged": data[:5_000] + b"\xff" * 500 + data[5_500:], "head": b"\x1f\x8b\xff\xff"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    whole = write(tmp_path / "whole", line(9_999))
    paths = [str(tmp_path / name) for name in files]
    assert run("--by", "key", *paths, str(tmp_path / "missing"), whole) == 1
    shown = capsys.readouterr()
    total = shown.out.splitlines()[-1].split()
    assert total[0] == "total" and int(total[1].replace(",", "")) > 1
    for reason in (
        "cut: the compressed data is cut",
        "damaged: the compressed",
        "head: the compressed",
        "missing: No such file",
    ):
        assert reason in shown.err, reason


def test_notes_say_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write(tmp_path / "log", "")
    assert run(log) == 0 and "LOG_LEVEL" in capsys.readouterr().err
    monkeypatch.setattr("proxy.cli.usage.command.WINDOW_CALLS", 2)
    text = f"free\n{line(1, cost_usd=None)}\n{line(1)}\n{line(2)[:90]}\n{line(3)}\n"
    assert run(write(tmp_path / "log", text)) == 0
    notes = capsys.readouterr().err
    assert "calls without a known cost (set METERING=on" in notes and "price): 1\n" in notes
    assert "counted once: 1\n" in notes and "not Sluice's: 1\n" in notes and "not counted: 1\n" in notes
    assert "more than 2 calls" in notes and "counts twice" in notes


def test_csv_goes_to_stdout_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write(tmp_path / "log", f"free\n{line(1, key_id='=1')}\n")
    assert run("--csv", "--by", "key", log) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("'=1,1,0,1000,")


def test_a_terminal_shows_progress_and_its_width_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write(tmp_path / "log", f"{line(1, key_id='a' * 100)}\n" * 9_000)
    out, errors = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setenv("COLUMNS", "50")
    assert run(log) == 0
    assert max(map(len, out.getvalue().splitlines())) <= 50
    size = Path(log).stat().st_size / 1e6
    assert f"\r1 of {size:.0f} MB" in errors.getvalue() and f"\r{size:.0f} of {size:.0f} MB\n" in errors.getvalue()
    errors.truncate(0)
    monkeypatch.setattr(sources, "PROGRESS_BYTES", 10**9)
    assert run(log) == 0 and "MB" not in errors.getvalue()


def test_nothing_but_sums_leaves_the_program(tmp_path: Path) -> None:
    secret = "canary-5d1e"
    record = json.dumps({**fields(1), "request_id": f"sl_{secret}", "upstream_request_id": secret, "note": secret})
    log = write(tmp_path / "log", f"{secret}\n{record}\n{record[:150]}{secret}\n")
    for option in ("--csv", "--json", "--by=key"):
        done = subprocess.run(
            [sys.executable, "-m", "proxy", "usage", option, log],
            cwd=ROOT,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
        assert secret not in done.stdout + done.stderr and "alice" in done.stdout


@pytest.mark.any_python("what the server writes has tests of its own")
def test_the_log_of_a_real_server_is_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    headers = (("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json"))
    body = b'{"model":"demo","stream":true,"max_tokens":3,"messages":[{"role":"user","content":"hi"}]}'
    with served("--demo", METERING="on", PROXY_KEY=KEY) as (process, printed):
        port = port_of(printed)
        for content in (body, body.replace(b"demo", b"demo-error-429")):
            call(port, "POST", "/v1/chat/completions", headers, content)
        call(port, "POST", "/v1/chat/completions", (), body)
        call(port, "GET", "/healthz")
        assert process.stdout is not None
        log = printed
        while "/healthz" not in log:
            log += process.stdout.readline()
    document = figures(capsys, "--by", "status,upstream,platform", write(tmp_path / "log", log))
    found = {
        group["status"]: (group["upstream"], group["calls"], group["failed_calls"]) for group in document["groups"]
    }
    assert found == {"200": ("demo", 1, 0), "429": ("demo", 1, 1), "401": ("-", 1, 1)}
    assert document["total"]["output_tokens"] == 3 and document["damaged_lines"] == 0
