"""`.env` in the current folder: what it may look like, that the environment wins, and which commands read it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from proxy import startup
from proxy.cli import env_file, serve
from proxy.cli.env_file import EnvFile
from proxy.errors import ConfigError
from tests.support import command, parts
from tests.support.documents import blocks
from tests.support.paths import ROOT
from tests.support.process import served

KEY = "7f3c9a51e0b24d6895aa31c4"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("\n \t\n# a comment\n  # another", {}),
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("export A=1\r\n\r\nexport\tB=2\r\n", {"A": "1", "B": "2"}),
        (" A = 1 \nB=\t2", {"A": "1", "B": "2"}),
        ("A=\nB= \nC=''\nD=\"\"", {"A": "", "B": "", "C": "", "D": ""}),
        ("A=x # a comment\nB=x#y\nC=#x\nD= # a comment\nE=x\t#", {"A": "x", "B": "x#y", "C": "#x", "D": "", "E": "x"}),
        ("A='x # y' # a comment\nB=\"x # y\"\t#", {"A": "x # y", "B": "x # y"}),
        ("A=two words", {"A": "two words"}),
        (r"""A="a\"b\\c\$d\`e\n" """, {"A": 'a"b\\c$d`e\\n'}),
        (r"A='a\"b\\'", {"A": r"a\"b\\"}),
        ("A='[\n  {\"b\": 1}\n]'\nB=2", {"A": '[\n  {"b": 1}\n]', "B": "2"}),
        ('A="1\r\n2"\r\nB=3\r\n', {"A": "1\n2", "B": "3"}),
        ('A=[{"keys": "$A_KEY"}]', {"A": '[{"keys": "$A_KEY"}]'}),
        ("A='${B}'", {"A": "${B}"}),
        ("A=1\nA=2", {"A": "2"}),
        ("https_proxy=http://127.0.0.1:7890\n_x1=y", {"https_proxy": "http://127.0.0.1:7890", "_x1": "y"}),
        ("A=“x”", {"A": "“x”"}),
    ],
)
def test_what_a_file_may_look_like(text: str, values: dict[str, str]) -> None:
    assert env_file.parse(text) == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A=1\nsecret", "line 2: a line must be NAME=value, or begin with #."),
        ("1A=secret", "line 1: a line must be NAME=value"),
        ("A: secret", "line 1: a line must be NAME=value"),
        ("exportA secret", "line 1: a line must be NAME=value"),
        ("# x\n\nA='secret", "line 3: the value of A must end with its closing quotation mark."),
        ('A="secret\\"', "line 1: the value of A must end"),
        ('A="secret"x', "line 1: the value of A must end"),
        ("A='secret'#x", "line 1: the value of A must end"),
        ("A='1\n2'\nB=${secret}", "line 3: B contains ${…}, which is not replaced here: write the value itself."),
        ('A="${secret}"', "line 1: A contains ${…}"),
        ("A=secret\0", "line 1: A contains a NUL character."),
        ("proxy_key=secret", "line 1: write PROXY_KEY in capital letters."),
    ],
)
def test_what_readers_would_read_differently_is_refused_by_its_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        env_file.parse(text)
    assert refused.value.message.startswith(f".env, {says}") and "secret" not in refused.value.message


def test_a_shell_reads_the_same(tmp_path: Path) -> None:
    """Whoever writes `set -a; . ./.env` must not get another key than Sluice."""
    text = "A=x#y # a comment\nexport B='a b # c'\nC=\"a\\\"b\\\\c\\$d\\n\"\nD=\nE='[\n1]'\n"
    (tmp_path / ".env").write_text(text)
    shown = 'set -a; . ./.env; for name in A B C D E; do printf "%s\\0" "${!name}"; done'
    done = subprocess.run([parts.need("bash"), "-c", shown], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[:-1] == list(env_file.parse(text).values())


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / ".env").write_bytes(text.encode(encoding))
    return folder


def test_the_environment_wins_even_if_it_is_empty(tmp_path: Path) -> None:
    text = "OPENAI_API_KEY=sk-file\nPROXY_KEY=pk-file\nOPENAI_BASE_URL=https://a.test\nACCESS=proxy-key\nOWN=1\n"
    environ = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "https://b.test", "ACCESS": "proxy-key"}
    loaded = env_file.load(environ, written(tmp_path, text))
    assert environ == {
        "OPENAI_API_KEY": "",
        "OPENAI_BASE_URL": "https://b.test",
        "ACCESS": "proxy-key",
        "PROXY_KEY": "pk-file",
        "OWN": "1",
    }
    assert loaded == EnvFile(frozenset({"PROXY_KEY"}), frozenset({"OPENAI_API_KEY", "OPENAI_BASE_URL"}))
    assert loaded.summary == "PROXY_KEY; not used, because the environment has it: OPENAI_API_KEY, OPENAI_BASE_URL"
    assert EnvFile(frozenset(), frozenset({"ACCESS"})).summary == "not used, because the environment has it: ACCESS"


def test_a_setting_that_the_file_has_empty_is_not_taken_from_the_environment(tmp_path: Path) -> None:
    """The file's key must not go to the address that another program has in the environment."""
    text = "OPENAI_API_KEY=sk-file\nOPENAI_BASE_URL=\nANTHROPIC_API_KEY=''\nPROXY_KEY=\nOWN=\n"
    environ = {"OPENAI_BASE_URL": "https://b.test", "ANTHROPIC_API_KEY": "sk-agent", "PROXY_KEY": "", "OWN": "kept"}
    loaded = env_file.load(environ, written(tmp_path, text))
    assert environ == {
        "OPENAI_API_KEY": "sk-file",
        "OPENAI_BASE_URL": "",
        "ANTHROPIC_API_KEY": "",
        "PROXY_KEY": "",
        "OWN": "kept",
    }
    assert loaded.summary == (
        "OPENAI_API_KEY; not used from the environment, because .env has it empty: ANTHROPIC_API_KEY, OPENAI_BASE_URL"
    )


def test_without_a_file_nothing_happens(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    assert env_file.load(environ, tmp_path) == EnvFile() and EnvFile().summary == ""
    (tmp_path / ".env").mkdir()  # a virtual environment of that name
    assert env_file.load(environ, tmp_path) == EnvFile() and environ == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_does_no_harm(encoding: str, tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    env_file.load(environ, written(tmp_path, "PROXY_KEY=pk # 给朋友\r\n", encoding))
    assert environ == {"PROXY_KEY": "pk"}


@pytest.mark.parametrize(("encoding", "says"), [("gbk", "line 1 is not UTF-8 (perhaps GBK)"), ("utf-16", "UTF-16")])
def test_another_encoding_is_refused(encoding: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        env_file.load({}, written(tmp_path, "PROXY_KEY=pk # 给朋友\n", encoding))
    assert says in refused.value.message and "save the file as UTF-8" in refused.value.message


def test_serve_reads_it_and_says_what_it_took_from_it(tmp_path: Path) -> None:
    text = f"OPENAI_API_KEY='sk-upstream'\nexport PROXY_KEY={KEY}  # for callers\n"
    with served(folder=written(tmp_path, text), OPENAI_BASE_URL="http://127.0.0.1:1/v1") as (_, printed):
        assert "API key    $PROXY_KEY     (the one in .env)\n" in printed
        assert "\n  .env       OPENAI_API_KEY, PROXY_KEY\n" in printed
        assert KEY not in printed and "sk-upstream" not in printed


@pytest.mark.parametrize(
    "arguments",
    [("serve", "--port", "0"), ("doctor",), ("keys", "mint", "--name", "alice"), ("usage",)],
    ids=lambda arguments: arguments[0],
)
def test_every_command_with_settings_refuses_a_broken_file(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = command.run(*arguments, folder=written(tmp_path, "PROXY_KEY='pk\n"))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "sluice: .env, line 1: the value of PROXY_KEY must end with its closing quotation mark.\n"


def test_a_command_without_settings_needs_no_file(tmp_path: Path) -> None:
    done = command.run("limits", "--platform", "server", folder=written(tmp_path, "broken"))
    assert done.returncode == 0 and done.stderr == ""


def test_keys_are_signed_with_its_secret(tmp_path: Path) -> None:
    done = command.run("keys", "mint", "--name", "alice", folder=written(tmp_path, f"SIGNING_SECRET={KEY}\n"))
    assert done.returncode == 0 and done.stdout.startswith("sk-sluice-"), done.stderr


def test_the_doctor_reads_and_names_it(tmp_path: Path) -> None:
    done = command.run("doctor", "--json", folder=written(tmp_path, f"DEMO=1\nPROXY_KEY={KEY}\n"))
    findings = json.loads(done.stdout)["findings"]
    assert {"path": ".env"} in [finding["values"] for finding in findings if finding["code"] == "file.found"]
    assert "access.proxy-key" in [finding["code"] for finding in findings]


def test_a_proxy_key_of_the_settings_file_is_still_told_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROXY_KEY", raising=False)
    settings = startup.load({"OPENAI_API_KEY": "k", "PROXY_KEY": KEY})
    assert "(the one in sluice.toml)" in serve.banner(settings, "127.0.0.1", 1, None)
    monkeypatch.setitem(os.environ, "PROXY_KEY", KEY)
    assert "(the one in" not in serve.banner(settings, "127.0.0.1", 1, None)
    # serve has put what it read from .env into its own environment, which no other shell has.
    assert "(the one in .env)" in serve.banner(settings, "127.0.0.1", 1, None, EnvFile(frozenset({"PROXY_KEY"})))


def test_the_document_s_file_can_be_read() -> None:
    (shown,) = blocks("docs/configuration.md", "dotenv")
    assert list(env_file.parse(shown)) == ["OPENAI_API_KEY", "PROXY_KEY"]
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored and "**/.env" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
