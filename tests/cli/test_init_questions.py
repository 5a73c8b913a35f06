"""The questions of `init`: what is asked, what is asked again, and the settings that come of the answers."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from proxy import startup
from proxy.cli.init.command import run as run_command
from proxy.cli.init.options import Options
from proxy.cli.providers import table
from proxy.platforms import registry
from tests.support.init import KEY, Outcome, run

# Answers, one a line: provider, key, platform, access, cost, budget.
PLAIN = f"deepseek\n{KEY}\nserver\nproxy-key\n\n\n"


def ask(folder: Path, answers: str, *arguments: str, **environ: str) -> Outcome:
    return run(folder, "--no-check", *arguments, answers=answers, **environ)


def test_the_shortest_way(tmp_path: Path) -> None:
    outcome = ask(tmp_path, PLAIN)
    assert outcome.code == 0 and not outcome.err
    settings = outcome.env
    assert {name: value for name, value in settings.items() if value} == {
        "ACCESS": "proxy-key",
        "OPENAI_BASE_URL": "https://api.deepseek.com",
        "OPENAI_API_KEY": KEY,
        "PROXY_KEY": settings["PROXY_KEY"],
    }
    assert re.fullmatch(r"[0-9a-f]{32}", settings["PROXY_KEY"])
    assert outcome.out.count(settings["PROXY_KEY"]) == 1 and KEY not in outcome.out
    assert startup.load(settings).access_mode == "proxy-key"
    assert os.name == "nt" or stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert "Added .env to .gitignore." in outcome.out and (tmp_path / ".gitignore").read_text() == "/.env\n"
    assert "\x1b" not in outcome.out


def test_in_chinese(tmp_path: Path) -> None:
    outcome = ask(tmp_path, PLAIN, LANG="zh_CN.UTF-8")
    assert "选择厂商" in outcome.out and "谁可以调用" in outcome.out and "火山方舟（豆包）" in outcome.out
    assert "阿里云函数计算 FC" in outcome.out and "已停用" not in outcome.err
    assert "Which provider" in ask(tmp_path, PLAIN, "--lang", "en", "--force", LANG="zh_CN.UTF-8").out


def test_every_provider_and_platform_is_offered(tmp_path: Path) -> None:
    out = ask(tmp_path, PLAIN).out
    assert all(f"({entry.name})" in out for entry in table.ENTRIES) and "(other)" in out and "(own-keys)" in out
    assert all(f"{platform.title} ({platform.name})" in out for platform in registry.PLATFORMS)
    assert "DeepSeek: The names deepseek-chat and" in out  # without the backticks of the documents


def test_callers_bring_their_own_keys(tmp_path: Path) -> None:
    outcome = ask(tmp_path, "own-keys\n\n")
    assert outcome.code == 0 and startup.load(outcome.env).access_mode == "own-key"
    assert outcome.env["ACCESS"] == "pass-through" and "proxy key" not in outcome.out


def test_no_key_may_mean_the_same(tmp_path: Path) -> None:
    outcome = ask(tmp_path, "deepseek\n\nn\n\ny\nserver\n")
    assert outcome.code == 0 and outcome.out.count("Do callers bring their own?") == 2
    assert outcome.env["OPENAI_BASE_URL"] == "https://api.deepseek.com" and outcome.env["ACCESS"] == "pass-through"


def test_a_key_that_cannot_be_one_is_asked_for_again(tmp_path: Path) -> None:
    outcome = ask(tmp_path, f"deepseek\nBearer sk-x\n'sk-x'\n{KEY}\n\n\n\n\n")
    assert "must not have Bearer before a key" in outcome.out and "quotation marks" in outcome.out
    assert outcome.env["OPENAI_API_KEY"] == KEY


def test_another_provider_s_key_is_mentioned(tmp_path: Path) -> None:
    outcome = ask(tmp_path, f"anthropic\n{KEY}\n\n\n\n\n")
    assert "usually begin with sk-ant-; this one does not." in outcome.out
    assert outcome.env["ANTHROPIC_API_KEY"] == KEY and "usually begin" not in ask(tmp_path, PLAIN, "--force").out


@pytest.mark.parametrize(("answer", "key"), [("", "from-variable"), ("n\ntyped", "typed")])
def test_a_key_in_a_variable_is_offered(tmp_path: Path, answer: str, key: str) -> None:
    outcome = ask(tmp_path, f"moonshot-cn\n{answer}\n\n\n\n\n", MOONSHOT_CN_API_KEY="from-variable")
    assert "Use the key in MOONSHOT_CN_API_KEY?" in outcome.out and outcome.env["OPENAI_API_KEY"] == key


def test_a_local_server_needs_no_key_and_no_cloud(tmp_path: Path) -> None:
    outcome = ask(tmp_path, "ollama\n\ntencent\n\n\n\n")
    assert outcome.env["OPENAI_API_KEY"] == "ollama"
    assert "A function in a cloud cannot reach http://127.0.0.1:11434/v1" in outcome.out
    assert "cannot reach" not in ask(tmp_path, "ollama\n\nserver\n\n\n\n", "--force").out


def test_addresses_that_only_their_user_knows(tmp_path: Path) -> None:
    outcome = ask(tmp_path, f"azure\nnot a name\nmine\n{KEY}\n\n\n\n\n")
    assert outcome.env["OPENAI_BASE_URL"] == "https://mine.openai.azure.com/openai/v1"
    assert outcome.out.count("The RESOURCE in https://RESOURCE.openai.azure.com/openai/v1") == 2
    outcome = ask(tmp_path, f"other\nllm.example.org\nhttps://llm.example.org/v1\n{KEY}\n\n\n\n\n", "--force")
    assert "OPENAI_BASE_URL must be an address" in outcome.out
    assert outcome.env["OPENAI_BASE_URL"] == "https://llm.example.org/v1"


def test_signed_keys(tmp_path: Path) -> None:
    outcome = ask(tmp_path, f"deepseek\n{KEY}\n\nsigned-keys\n\n\n")
    assert startup.load(outcome.env).signing_secret and not outcome.env["PROXY_KEY"]
    assert outcome.env["SIGNING_SECRET"] not in outcome.out and "keys mint --name alice" in outcome.out


def test_limits_on_a_server(tmp_path: Path) -> None:
    outcome = ask(tmp_path, f"deepseek\n{KEY}\n\n\nmuch\n0.05\n-1\n5\nnowhere\n\n")
    settings = outcome.env
    assert (settings["MAX_COST_USD"], settings["KEY_BUDGET_USD"]) == ("0.05", "5")
    assert settings["STORE"] == f"sqlite:{tmp_path / 'sluice.db'}"
    for wrong in ("MAX_COST_USD must be a number", "KEY_BUDGET_USD must be a number", "STORE must be sqlite:FILE"):
        assert wrong in outcome.out
    assert (tmp_path / ".gitignore").read_text() == "/.env\n/sluice.db*\n"
    assert startup.load(settings).key_budget_usd == 5


def test_limits_on_a_function(tmp_path: Path) -> None:
    store = "https://x.upstash.io"
    typed = f"deepseek\n{KEY}\ncloudflare\n\n5\nsqlite:x.db\n{store}\n\nnot one\nsecret-token\n"
    outcome = ask(tmp_path, typed)
    assert "one request may cost" not in outcome.out  # this bundle cannot count tokens
    assert "A function can only use the https:// address" in outcome.out and "STORE_TOKEN must be" in outcome.out
    assert (outcome.env["STORE"], outcome.env["STORE_TOKEN"]) == (store, "secret-token")
    assert "secret-token" not in outcome.out
    outcome = ask(tmp_path, f"deepseek\n{KEY}\nvercel\n\n\n5\n{store}\n", "--force", STORE_TOKEN="from-variable")
    assert outcome.env["STORE_TOKEN"] == "from-variable"


def test_several_providers(tmp_path: Path) -> None:
    typed = f"deepseek\n{KEY}\ny\nother\nhttps://llm.example.org/v1\nkey-2\ny\nopenai\nkey-3\nn\n\n\n\n\n"
    outcome = ask(tmp_path, typed, "--toml")
    loaded = startup.load({}, (tmp_path / "sluice.toml").read_text(encoding="utf-8"))
    assert [provider.name for provider in loaded.providers] == ["deepseek", "other", "openai"]
    assert [provider.keys for provider in loaded.providers] == [(KEY,), ("key-2",), ("key-3",)]
    assert loaded.providers[1].takes_all and loaded.access_mode == "proxy-key"
    second = outcome.out.split("Another provider?")[1]
    assert "(deepseek)" not in second and "(own-keys)" not in second


def test_a_file_is_replaced_only_after_a_yes(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n")
    outcome = ask(tmp_path, "\n")
    assert outcome.code == 1 and outcome.out.endswith("Nothing was written.\n")
    assert (tmp_path / ".env").read_text() == "MINE=1\n"
    assert ask(tmp_path, f"y\n{PLAIN}").code == 0 and "MINE" not in outcome.env
    assert ask(tmp_path, PLAIN, "--force").code == 0


def test_a_file_that_appears_while_questions_are_asked_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ignore(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
        (folder / ".env").write_text("MINE=1\n")
        return ()

    monkeypatch.setattr("proxy.cli.init.settings_file.ignore", ignore)
    outcome = ask(tmp_path, PLAIN)
    assert outcome.code == 1 and "exists. Add --force" in outcome.err
    assert (tmp_path / ".env").read_text() == "MINE=1\n"


def test_the_other_file_counts_as_well(tmp_path: Path) -> None:
    (tmp_path / "sluice.toml").write_text("timeout_seconds = 300\n")
    assert "sluice.toml exists too" in ask(tmp_path, PLAIN).out
    (tmp_path / "sluice.toml").write_text("timeout_seconds = -1\n")
    outcome = ask(tmp_path, PLAIN, "--force")
    assert outcome.code == 1 and "do not fit to it: TIMEOUT_SECONDS must be" in outcome.err
    assert (
        ".env exists too"
        in ask(tmp_path, f"y\n{PLAIN.replace('server', 'n') + 'x'}".replace("n\n", "n\nserver\n"), "--toml").out
    )


@pytest.mark.parametrize("lines", range(6))
def test_the_end_of_input_writes_nothing(tmp_path: Path, lines: int) -> None:
    outcome = ask(tmp_path, "".join(PLAIN.splitlines(keepends=True)[:lines]))
    assert outcome.code == 1 and outcome.out.endswith(
        "\nThe input ended before the last question. Nothing was written.\n"
    )
    assert not outcome.wrote


def test_bytes_that_are_no_text_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> str:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr("proxy.cli.init.terminal.Terminal.read_line", fail)
    outcome = ask(tmp_path, PLAIN)
    assert outcome.code == 1 and not outcome.wrote


def test_ctrl_c_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("proxy.cli.init.limits.ask", interrupt)
    outcome = ask(tmp_path, PLAIN)
    assert outcome.code == 130 and outcome.out.endswith("\nStopped. Nothing was written.\n") and not outcome.wrote


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").mkdir()
    outcome = ask(tmp_path, PLAIN)
    assert outcome.code == 1 and ".gitignore" in outcome.err and "Nothing was written." in outcome.err


def test_without_a_checkout_the_file_goes_into_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("proxy.cli.init.command.ROOT", tmp_path / "site-packages")
    monkeypatch.chdir(tmp_path)
    assert run_command({}, Options(provider=("own-keys",), yes=True)) == 0
    assert (tmp_path / ".env").exists() and "python -m proxy serve" in capsys.readouterr().out
