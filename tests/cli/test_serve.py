"""`python -m proxy serve` as people run it: a process, a signal, a line to paste."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from proxy.__main__ import main
from proxy.cli import serve as command
from proxy.cli.listener import listen
from proxy.errors import ConfigError
from proxy.settings import config
from tests.support.client import Connection, call
from tests.support.process import listening, port_of, served, wait_until_up
from tests.support.talk import wait_for
from tests.support.upstream import CEILING, END, SSE_HEAD, Upstream, Wait, chunk, whole

KEY = (("Authorization", "Bearer sk-x"), ("Content-Type", "application/json"))


def test_without_any_key_the_demo_answers_and_says_so() -> None:
    with served() as (_, printed):
        assert "embedded demo" in printed
        port = port_of(printed)
        body = b'{"model":"demo","stream":true,"max_tokens":3,"messages":[{"role":"user","content":"hi"}]}'
        result = call(port, "POST", "/v1/chat/completions", KEY, body)
        assert len(result.writes) == 6 and result.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal")
def test_several_workers_share_the_port_and_stop_together(upstream: Upstream) -> None:
    upstream.play(whole(b"{}"))
    with served("--workers", "2", OPENAI_BASE_URL=upstream.url) as (process, printed):
        port = port_of(printed)
        wait_until_up(port)
        for _ in range(6):
            assert call(port, "POST", "/v1/chat/completions", KEY, b"{}").body == b"{}"
        assert len(psutil.Process(process.pid).children(recursive=True)) >= 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(CEILING) == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 1)


def test_a_worker_reads_the_settings_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO", "1")
    assert command.worker().start()[0].demo


def test_the_printed_line_is_a_command_that_works() -> None:
    with served("--demo", PROXY_KEY="") as (_, printed):
        line = printed.partition("Try it:")[2].partition("Coding agents")[0].replace("\\\n", " ").strip()
        wait_until_up(port_of(printed))
        done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=30, check=True)
        assert "data: [DONE]" in done.stdout


def test_with_an_api_key_serve_generates_a_proxy_key_for_this_run() -> None:
    with served(OPENAI_API_KEY="sk-owner") as (_, printed):
        match = re.search(r"API key +(local-\S+)", printed)
        assert match and "sk-owner" not in printed
        port = port_of(printed)
        wait_until_up(port)
        assert call(port, "POST", "/v1/chat/completions", KEY, b"{}").status == 401
        headers = (("Authorization", f"Bearer {match[1]}"),)
        assert call(port, "GET", "/v1/files", headers).json()["error"]["code"] == "path_not_allowed"


def test_the_lambda_function_can_be_served_behind_its_simulator(upstream: Upstream) -> None:
    first = b'data: {"x":1}\n\n'
    upstream.play((SSE_HEAD, chunk(first), Wait(), chunk(first), END))
    with served("--as", "lambda-stream", OPENAI_BASE_URL=upstream.url) as (_, printed):
        port = port_of(printed)
        wait_until_up(port)
        connection = Connection(port)
        connection.send("POST", "/v1/chat/completions", KEY, b'{"stream":true}')
        writes = connection.writes(connection.head())
        assert next(writes) == first
        upstream.proceed()
        assert list(writes) == [first]
        connection.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_running_stream_is_finished_after_a_signal(upstream: Upstream, number: int, code: int) -> None:
    first = b'data: {"x":1}\n\n'
    upstream.play((SSE_HEAD, chunk(first), Wait(), chunk(first), END))
    with served(OPENAI_BASE_URL=upstream.url) as (process, printed):
        port = port_of(printed)
        wait_until_up(port)
        connection = Connection(port)
        connection.send("POST", "/v1/chat/completions", KEY, b'{"stream":true}')
        result = connection.head()
        writes = connection.writes(result)
        assert next(writes) == first
        process.send_signal(number)
        wait_for(lambda: not listening(port))
        upstream.proceed()
        assert list(writes) == [first]
        assert not result.broken
        assert process.wait(CEILING) == code
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()
        connection.close()


@pytest.mark.parametrize(
    ("environ", "key", "says"),
    [
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "$YOUR_PROVIDER_KEY", "pass-through"),
        ({"PROXY_KEY": "pk"}, "$YOUR_PROVIDER_KEY:$PROXY_KEY", "<their provider key>:<proxy key>"),
        ({"OPENAI_API_KEY": "k", "PROXY_KEY": "pk"}, "$PROXY_KEY", "this server sends its own key"),
        ({"OPENAI_API_KEY": "k", "ALLOW_ANONYMOUS": "1"}, "any-text", "no key needed"),
    ],
)
def test_the_banner_says_who_may_call(
    environ: dict[str, str], key: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_KEY", "pk")
    settings, temporary_key = command.prepare(dict(environ), demo=False)
    shown = command.banner(settings, "0.0.0.0", 9000, temporary_key)
    assert f"API key    {key}\n" in shown and says in shown
    assert "http://127.0.0.1:9000/v1" in shown and "(apps that add /v1 themselves: http://127.0.0.1:9000)" in shown
    assert "http://[::1]:9000/v1" in command.banner(settings, "::1", 9000, temporary_key)


DEEPSEEK = '[{"name": "ds", "base_url": "https://api.deepseek.com/v1", "keys": "k", "models": "deepseek-chat"}]'


@pytest.mark.parametrize(
    ("environ", "shows"),
    [
        (
            {"UPSTREAMS": DEEPSEEK},
            ("Upstream   https://api.deepseek.com/v1\n", '"model": "deepseek-chat"', "for this run only"),
        ),
        (
            {"UPSTREAMS": DEEPSEEK, "OPENAI_API_KEY": "k"},
            ("Upstream   ds https://api.deepseek.com/v1, default https://",),
        ),
        ({"OPENAI_API_KEY": "k", "SIGNING_SECRET": "s" * 32}, ("API key    $SIGNED_KEY     (create one",)),
        ({"OPENAI_API_KEY": "k", "PROXY_KEY": "pk"}, ("API key    $PROXY_KEY     (the one in sluice.toml)",)),
        ({"OPENAI_BASE_URL": "https://api.deepseek.com/v1"}, ('"model": "deepseek-flash"',)),
    ],
)
def test_the_banner_names_what_is_configured(
    environ: dict[str, str], shows: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROXY_KEY", raising=False)
    settings, temporary_key = command.prepare(dict(environ), demo=False)
    shown = command.banner(settings, "127.0.0.1", 9000, temporary_key)
    assert all(text in shown for text in shows), shown


CLAUDE = "  ANTHROPIC_BASE_URL=http://127.0.0.1:9000 ANTHROPIC_AUTH_TOKEN=$PROXY_KEY claude\n"
GEMINI = "  GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:9000 GEMINI_API_KEY=$PROXY_KEY gemini\n"
NO_CHAT = '[{"name": "a", "messages": "https://api.anthropic.com", "keys": "k"}]'


@pytest.mark.parametrize(
    ("environ", "lines"),
    [
        ({"ANTHROPIC_API_KEY": "k"}, [CLAUDE]),
        ({"GEMINI_API_KEY": "k"}, [CLAUDE, GEMINI]),
        ({"GEMINI_API_KEY": "k", "TRANSLATE": "off"}, [GEMINI]),
        ({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "GEMINI_API_KEY": "k"}, [CLAUDE, GEMINI]),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://api.deepseek.com"}, [CLAUDE]),
        ({"OPENAI_API_KEY": "k"}, [CLAUDE]),
        ({"OPENAI_API_KEY": "k", "TRANSLATE": "off"}, []),
        ({"UPSTREAMS": NO_CHAT}, [CLAUDE]),
    ],
)
def test_the_banner_has_a_line_for_each_agent_whose_api_is_served(environ: dict[str, str], lines: list[str]) -> None:
    settings, _ = command.prepare({**environ, "PROXY_KEY": "pk"}, demo=False)
    shown = command.banner(settings, "127.0.0.1", 9000, None)
    assert [line for line in (CLAUDE, GEMINI) if line in shown] == lines
    assert ("Coding agents" in shown) == bool(lines)
    assert ("curl" in shown) == ("UPSTREAMS" not in environ)


def test_the_demo_s_banner_names_the_agents_that_it_answers() -> None:
    settings, _ = command.prepare({}, demo=True)
    banner = command.banner(settings, "127.0.0.1", 9000, None)
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:9000 ANTHROPIC_AUTH_TOKEN=any-text claude" in banner


@pytest.mark.parametrize("name", [setting.name for setting in config.SETTINGS if setting.name.endswith("_API_KEY")])
def test_any_provider_s_key_is_deliberate_and_protected(name: str) -> None:
    settings, temporary_key = command.prepare({name: "k"}, demo=False)
    assert not settings.demo and temporary_key
    assert not command.prepare({name.replace("API_KEY", "BASE_URL"): "https://llm.example.com"}, demo=False)[0].demo


@pytest.mark.parametrize(
    ("environ", "host", "named"),
    [
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:9000"}, "127.0.0.1", "ANTHROPIC_BASE_URL"),
        ({"ANTHROPIC_BASE_URL": "http://localhost:9000/v1"}, "0.0.0.0", "ANTHROPIC_BASE_URL"),
        ({"GEMINI_BASE_URL": "http://[::1]:9000"}, "::", "GEMINI_BASE_URL"),
        ({"OPENAI_BASE_URL": "http://192.0.2.7:9000/v1"}, "192.0.2.7", "OPENAI_BASE_URL"),
        (
            {"UPSTREAMS": '[{"name": "a", "base_url": "https://a.test/v1", "messages": "http://127.0.0.1:9000"}]'},
            "127.0.0.1",
            "a.messages (UPSTREAMS, sluice.toml)",
        ),
    ],
)
def test_an_upstream_that_is_the_server_itself_is_refused(environ: dict[str, str], host: str, named: str) -> None:
    settings, _ = command.prepare(environ, demo=False)
    with pytest.raises(ConfigError) as refused:
        command.check_addresses(settings, host, 9000)
    assert refused.value.message.startswith(f"{named} is this server's own address (http")
    command.check_addresses(settings, host, 9001)
    command.check_addresses(command.prepare(environ, demo=True)[0], host, 9000)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://192.0.2.7:9000/v1", "127.0.0.1", 9000),
        ("http://127.0.0.1:9000/v1", "192.0.2.7", 9000),
        ("http://localhost/v1", "127.0.0.1", 9000),
        ("https://llm.example.com/v1", "0.0.0.0", 443),
    ],
)
def test_another_server_s_address_is_not_taken_for_the_own_one(url: str, host: str, port: int) -> None:
    command.check_addresses(command.prepare({"OPENAI_BASE_URL": url}, demo=False)[0], host, port)


def test_an_agent_s_variable_in_the_server_s_shell_stops_start_up_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9000")
    assert main(["serve", "--port", "9000"]) == 1
    assert capsys.readouterr().err == (
        "sluice: ANTHROPIC_BASE_URL is this server's own address (http://127.0.0.1:9000), so calls would never leave "
        "it. Point it to the provider, or unset it where this server starts.\n"
    )


def test_a_store_whose_file_cannot_be_made_stops_start_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(address: str) -> None:
        command.check_store(command.prepare({"STORE": address}, demo=True)[0])

    check(f"sqlite:{tmp_path / 'budgets.db'}")
    check("redis://127.0.0.1:1/0")
    missing = tmp_path / "missing"
    with pytest.raises(ConfigError, match=f"STORE names a file in {re.escape(str(missing))}, which does not exist"):
        check(f"sqlite:{missing / 'budgets.db'}")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(ConfigError, match="where this user may not write"):
        check(f"sqlite:{tmp_path / 'budgets.db'}")


def test_upstreams_in_a_file_are_not_replaced_by_the_demo(tmp_path: Path) -> None:
    file = tmp_path / "sluice.toml"
    file.write_text('[[upstreams]]\nname = "ds"\nbase_url = "https://api.deepseek.com/v1"\nkeys = "k"\n')
    settings, temporary_key = command.prepare({"CONFIG_FILE": str(file)}, demo=False)
    assert not settings.demo and temporary_key


def test_without_settings_the_demo_runs() -> None:
    assert command.prepare({}, demo=False)[0].demo
    assert command.prepare({"OPENAI_API_KEY": "k"}, demo=True)[0].demo


def test_a_temporary_proxy_key_protects_the_owner_s_key() -> None:
    settings, temporary_key = command.prepare({"OPENAI_API_KEY": "k"}, demo=False)
    assert temporary_key and settings.proxy_key == (temporary_key,)
    assert "(for this run only)" in command.banner(settings, "127.0.0.1", 1, temporary_key)


@pytest.mark.parametrize(
    ("keys", "access"),
    [
        ({"PROXY_KEY": "p" * 16}, "callers send the proxy key;"),
        ({"SIGNING_SECRET": "s" * 32}, "callers send a signed key;"),
        ({"PROXY_KEY": "p" * 16, "SIGNING_SECRET": "s" * 32}, "callers send the proxy key or a signed key;"),
    ],
)
def test_it_says_which_kind_of_key_callers_send(keys: dict[str, str], access: str) -> None:
    settings, _ = command.prepare({"OPENAI_API_KEY": "k", **keys}, demo=False)
    assert f"Access     {access}" in command.banner(settings, "127.0.0.1", 1, None)


def test_a_store_whose_folder_is_missing_is_reported_before_the_first_call(tmp_path: Path) -> None:
    said = "STORE names a file in a folder that does not exist"
    for folder, missing in ((tmp_path, False), (tmp_path / "missing", True)):
        environ = {"OPENAI_API_KEY": "k", "PROXY_KEY": "p" * 16, "STORE": f"sqlite:{folder}/budgets.db"}
        settings, _ = command.prepare(environ, demo=False)
        shown = command.banner(settings, "127.0.0.1", 1, None)
        assert (said in shown) is missing and str(folder) not in shown


@pytest.mark.parametrize(
    "text", ['openai_base_url = "https://api.deepseek.com/v1"', "demo = false", 'access = "pass-through"']
)
def test_a_file_with_deliberate_settings_does_not_run_the_demo(text: str, tmp_path: Path) -> None:
    file = tmp_path / "sluice.toml"
    file.write_text(text)
    assert not command.prepare({"CONFIG_FILE": str(file)}, demo=False)[0].demo


def test_demo_can_be_refused() -> None:
    settings, _ = command.prepare({"DEMO": "0"}, demo=False)
    assert not settings.demo


def test_an_invalid_setting_prints_one_line_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMEOUT_SECONDS", "soon")
    assert main(["serve"]) == 1
    assert capsys.readouterr().err == "sluice: TIMEOUT_SECONDS must be a number between 1 and 86400.\n"


def test_asyncio_disables_nagle_s_algorithm_on_the_socket() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_reported(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        taken = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with taken:
        assert command.run(host, taken.getsockname()[1], demo=True) == 1
    error = capsys.readouterr().err
    assert "cannot listen on" in error and "Choose another port: --port 9001" in error


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("1.2.3.4", 0, "1.2.3.4 is not an address of this machine. Use --host 127.0.0.1"),
        ("no-such-host.invalid", 0, "no-such-host.invalid is not a name or an address that this machine knows."),
        ("127.0.0.1", 99_999, "ports range from 0 to 65535. Choose one of them with --port."),
        ("127.0.0.1", -1, "ports range from 0 to 65535."),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_told_from_a_port(
    host: str, port: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(host, port, demo=True) == 1
    error = capsys.readouterr().err
    assert error.startswith("sluice: cannot listen on") and says in error and error.count("\n") == 1


def test_a_port_that_only_an_administrator_may_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("proxy.cli.listener._listen", refuse)
    with pytest.raises(ConfigError, match=r"ports below 1024\. Choose another one"):
        listen("127.0.0.1", 80)


@pytest.mark.parametrize("number", ["0", "-1", "x", "65", "1000000", ""])
def test_a_number_of_processes_that_cannot_be_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["serve", "--workers", number])
    assert stopped.value.code == 2 and "must be a whole number between 1 and 64" in capsys.readouterr().err


def test_a_missing_certificate_file_is_reported_before_listening(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nothing")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.example.com/v1")
    assert command.run("127.0.0.1", 0, demo=False) == 1
    assert "SSL_CERT_FILE" in capsys.readouterr().err
    monkeypatch.delenv("SSL_CERT_FILE")
    assert command.run("127.0.0.1", 70_000, demo=True) == 1
    assert "ports range from 0 to 65535" in capsys.readouterr().err


def test_without_uvicorn_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert command.run("127.0.0.1", 0, demo=True) == 1
    assert "make setup" in capsys.readouterr().err
