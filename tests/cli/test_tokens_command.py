"""`python -m proxy tokens`, and counting over HTTP as an SDK's user would: with the real server and the real SDK."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from proxy import __main__, startup, tokens
from proxy.cli import tokens as command
from proxy.errors import NotInstalled
from tests.support.core import Listed, error_of, request, run
from tests.support.server import Server, serving

HI = {"role": "user", "content": "Hi"}


def table_of(file: Path, model: str = "gpt-4o") -> list[str]:
    out = io.StringIO()
    assert command.run(str(file), model, out) == 0
    return out.getvalue().splitlines()


def numbers(lines: list[str], name: str) -> list[str]:
    return next(line.split() for line in lines if line.startswith(name))


def test_a_text_is_counted_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("Hello there")
    lines = table_of(file)
    assert numbers(lines, "text")[1:] == ["gpt-4o", "2", "exact", "0.000005"]
    assert numbers(lines, "total")[1:] == ["2", "0.000005"]
    assert "prices as of 20" in lines[-1]


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        (json.dumps([HI]), "request", "8"),
        (json.dumps({"model": "gpt-4o", "messages": [HI]}, indent=2), "request", "8"),
        (json.dumps({"model": "gpt-4o", "messages": [HI]}) + "\n\n", "line 1", "8"),
        (json.dumps({"model": "gpt-4o", "input": "Hi"}), "request", "1"),
        (json.dumps({"model": "gpt-4o", "input": [HI]}), "request", "8"),
        (json.dumps({"model": "gpt-4o", "instructions": "Hi", "input": "Hi"}), "request", "13"),
        (json.dumps({"a": 1}), "request", "6"),
        ("{ no JSON", "text", "3"),
        ("[1]\nand more", "text", "5"),
        ("", "text", "0"),
    ],
)
def test_requests_are_known_by_their_form(text: str, name: str, count: str, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text(text)
    row = numbers(table_of(file), name)
    assert row[row.index("gpt-4o") + 1] == count


def test_a_file_of_requests_is_counted_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    lines = [json.dumps({"body": {"model": "gpt-4", "messages": [HI]}}), json.dumps({"messages": [HI]}), ""]
    file.write_text("\n".join([*lines, '{"a": 1}', *lines * 30]))
    shown = table_of(file, "deepseek-chat")
    assert numbers(shown, "line 1")[2:5] == ["gpt-4", "8", "exact"]
    assert numbers(shown, "line 2")[2:5] == ["deepseek-chat", "6", "estimate"]
    assert numbers(shown, "line 4")[3] == "6"
    assert any(line.startswith("… and ") for line in shown) and any(line.startswith("note: ") for line in shown)
    assert numbers(shown, "total")[1] == f"{31 * (8 + 6) + 6}"


def test_what_has_no_price_is_not_free(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("Hello there")
    assert numbers(table_of(file, "mine"), "total")[-1] == "-"
    file.write_text(json.dumps({"messages": [HI]}) + "\n" + json.dumps({"model": "gpt-4o", "messages": [HI]}))
    assert numbers(table_of(file, "mine"), "total")[-3:] == ["at", "least", "0.000020"]


def test_a_large_file_shows_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "A line of words, 你好。\n" * 60_000 + "x"
    file = tmp_path / "a.txt"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(command, "_PROGRESS_BYTES", 1000)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    lines = table_of(file)
    from proxy.tokens import vocabulary

    assert int(numbers(lines, "text")[2].replace(",", "")) == len(vocabulary.load("o200k_base").encode_ordinary(text))
    assert f"of {file.stat().st_size / 1e6:.0f} MB" in capsys.readouterr().err


def test_the_command_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Hello there")))
    assert __main__.main(["tokens", "-", "--model", "gpt-4"]) == 0
    assert numbers(capsys.readouterr().out.splitlines(), "text")[1:4] == ["gpt-4", "2", "exact"]


REQUEST = json.dumps({"messages": [HI]})
DEEP = "[" * 200_000


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a.png is a binary file, not a text."),
        ("a.bin", b"text\x00text", "a.bin is a binary file"),
        ("late.txt", b"text\n" * 10 + b"\x00", "late.txt is a binary file"),
        ("a.txt", "中文".encode("gbk"), "a.txt is not text in UTF-8 (perhaps it is GBK). Save it as UTF-8"),
        (
            "a.jsonl",
            f"{REQUEST}\n{REQUEST[:-1]}\n{REQUEST}\n",
            f"not valid JSONL: line 2, column {len(REQUEST)}: Expecting",
        ),
        ("a.jsonl", f"{REQUEST[:-1]}\n{REQUEST}\n", f"not valid JSONL: line 1, column {len(REQUEST)}: Expecting"),
        ("a.ndjson", f"{REQUEST}\n\nplain words\n", "not valid JSONL: line 3, column 1: Expecting value"),
        ("a.jsonl", f"{REQUEST}\n7\n", "not valid JSONL: line 2: a request is a JSON object"),
        ("a", f"{REQUEST}\n{REQUEST[:-1]}\n", f"not valid JSONL: line 2, column {len(REQUEST)}"),
        ("a", f"{json.dumps([HI])}\n[\n", "not valid JSONL: line 2, column 2"),
        ("a.jsonl", DEEP, "not valid JSONL: line 1: it is nested too deeply"),
        ("a.json", '{\n"a" 1}', "a.json is not valid JSON: line 2, column 5: Expecting ':' delimiter"),
        ("a.json", "plain words", "a.json does not begin with { or ["),
        ("a.json", "", "a.json does not begin with { or ["),
    ],
)
def test_what_is_no_text_and_json_that_is_broken_are_refused(
    name: str, data: str | bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    assert command.run(str(file), "gpt-4o") == 1
    shown = capsys.readouterr()
    assert says in shown.err and shown.err.count("\n") == 1 and shown.out == ""


def test_broken_json_of_unknown_kind_is_a_text_and_no_exact_count(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("{ no JSON")
    lines = table_of(file)
    assert numbers(lines, "text")[3] == "estimate"
    assert "note: not valid JSON (line 1, column 3: Expecting property name enclosed in double quotes)" in lines[-2]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_windows_encodings_are_counted_like_utf_8(encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    file = tmp_path / "a"
    for text, count in (("你好 Hello", "2"), (REQUEST, "8"), (f"{REQUEST}\r\n{REQUEST}\r\n", "16")):
        file.write_bytes((mark + text).encode(encoding))
        assert numbers(table_of(file), "total")[1] == count


def test_standard_input_may_be_binary_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"\x89PNG\x00"))))
    assert __main__.main(["tokens", "-"]) == 1
    assert "standard input is a binary file" in capsys.readouterr().err


def test_a_long_first_line_is_read_to_its_end(tmp_path: Path) -> None:
    words = "word " * 300_000
    for text in (words, json.dumps({"messages": [{"role": "user", "content": words}]})):
        file = tmp_path / "a"
        file.write_text(text)
        assert int(numbers(table_of(file), "total")[1].replace(",", "")) >= 300_000


def test_what_cannot_be_counted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(str(tmp_path / "none"), "gpt-4o") == 1
    assert f"Cannot read {tmp_path / 'none'}: No such file or directory." in capsys.readouterr().err
    assert command.run(str(tmp_path), "gpt-4o") == 1
    assert "Is a directory" in capsys.readouterr().err
    file = tmp_path / "a.json"
    file.write_text(json.dumps([HI]))

    def cannot(*_: Any) -> None:
        raise NotInstalled

    monkeypatch.setattr(tokens, "count_prompt", cannot)
    assert command.run(str(file), "gpt-4o") == 1
    assert "Run `make setup`" in capsys.readouterr().err


# Over HTTP.

CHAT = {"model": "gpt-4o-mini", "messages": [HI], "max_tokens": 100, "n": 2}


def tally(body: Any, settings: dict[str, str] | None = None, **more: Any) -> tuple[int, Any]:
    upstream = Listed(b"")
    asked = request("/v1/chat/completions/input_tokens", json.dumps(body).encode(), **more)
    reply, _ = run(upstream, asked, settings=settings)
    assert not upstream.sent and isinstance(reply.body, bytes)
    return reply.status, json.loads(reply.body) if reply.status == 200 else error_of(reply)


def test_what_a_request_would_cost_is_told_without_sending_it() -> None:
    status, answer = tally(CHAT)
    assert status == 200
    price = answer.pop("price")
    assert answer == {
        "object": "chat.completion.input_tokens",
        "model": "gpt-4o-mini",
        "input_tokens": 8,
        "input_tokens_upper_bound": 8,
        "certainty": "exact",
        "encoding": "o200k_base",
        "notes": [],
        "context_window": 128_000,
        "max_output_tokens": 16_384,
    }
    assert price == {
        "currency": "USD",
        "input": 8 * 0.15e-6,
        "at_max_output": pytest.approx(8 * 0.15e-6 + 200 * 0.6e-6),
        "max_output_tokens": 200,
        "provider": "openai",
        "date": price["date"],
    }
    assert len(price["date"]) == 10


def test_figures_that_nobody_knows_are_null() -> None:
    _, answer = tally({"model": "mine", "messages": [HI]})
    assert answer["context_window"] is answer["max_output_tokens"] is answer["price"]["input"] is None
    assert answer["price"]["at_max_output"] is answer["price"]["provider"] is None
    assert answer["certainty"] == "estimate" and len(answer["price"]["date"]) == 10
    _, answer = tally({**CHAT, "service_tier": "priority"})
    assert answer["price"]["input"] == 8 * 0.25e-6


def test_counting_needs_a_valid_caller_and_a_post() -> None:
    status, error = tally(CHAT, headers=())
    assert (status, error["code"]) == (401, "missing_api_key")
    status, error = tally(CHAT, {"OPENAI_API_KEY": "k", "PROXY_KEY": "p"})
    assert (status, error["code"]) == (401, "invalid_api_key")
    status, error = tally(CHAT, method="GET")
    assert (status, error["code"]) == (405, "method_not_allowed")
    status, error = tally("no object")
    assert (status, error["code"]) == (400, "unreadable_body")
    reply, _ = run(Listed(b""), request("/chat/completions/input_tokens", b"{}"))
    assert reply.status == 200


def test_json_that_is_nested_too_deeply_is_the_caller_s_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(*_: Any) -> None:
        raise RecursionError

    monkeypatch.setattr(tokens, "count_prompt", deep)
    status, error = tally(CHAT)
    assert (status, error["code"]) == (400, "unreadable_body")


def test_a_deployment_without_vocabularies_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.errors import ConfigError

    def cannot(*_: Any) -> None:
        raise NotInstalled

    monkeypatch.setattr(tokens, "count_prompt", cannot)
    status, error = tally(CHAT)
    assert (status, error["code"]) == (501, "tokens_not_installed")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not tokens.installed()
    for name, value in (("CONTEXT_GUARD", "reject"), ("MAX_COST_USD", "1")):
        with pytest.raises(ConfigError, match=f"{name} counts tokens"):
            startup.load({name: value})
    assert startup.load({"MAX_OUTPUT_TOKENS": "100", "METERING": "on"}).max_output_tokens == 100


def test_a_worker_s_bundle_lacks_all_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.tokens import vocabulary

    assert vocabulary
    monkeypatch.delattr(tokens, "vocabulary")
    monkeypatch.setitem(sys.modules, "proxy.tokens.vocabulary", None)
    status, error = tally(CHAT)
    assert (status, error["code"]) == (501, "tokens_not_installed")


@pytest.fixture(scope="module")
def metered() -> Any:
    with serving(DEMO="1", METERING="header,comment", MAX_OUTPUT_TOKENS="16", CONTEXT_GUARD="reject") as served:
        yield served


def test_the_sdk_counts_and_streams_through_the_real_server(metered: Server) -> None:
    hello: Any = [{"role": "user", "content": "Hi"}]
    with OpenAI(base_url=f"{metered.url}/v1", api_key="x", max_retries=0) as client:
        answer = client.post("/chat/completions/input_tokens", body=CHAT, cast_to=object)
        assert isinstance(answer, dict) and answer["input_tokens"] == 8
        chunks = list(client.chat.completions.create(model="demo", messages=hello, stream=True))
        assert all(chunk.choices for chunk in chunks) and not any(chunk.usage for chunk in chunks)
        whole = client.chat.completions.with_raw_response.create(model="demo", messages=hello)
        assert "source=upstream" in whole.headers["x-sluice-usage"]
        assert whole.headers["x-sluice-max-output-tokens"] == "16"
