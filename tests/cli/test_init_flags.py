"""`init --yes`: options in place of answers, for scripts. A key comes from a pipe or a variable, not as an argument."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from proxy import startup
from proxy.__main__ import main
from proxy.cli.doctor import local
from proxy.cli.init.options import Options
from proxy.cli.providers import table
from proxy.cli.providers.entry import Entry
from proxy.platforms import registry
from proxy.platforms.platform import Platform
from tests.support.doctor import findings_of, new_report
from tests.support.documents import blocks
from tests.support.init import KEY, run, write
from tests.support.paths import ROOT


def test_a_key_from_a_pipe(tmp_path: Path) -> None:
    outcome = write(tmp_path, "--provider", "deepseek")
    assert outcome.env["OPENAI_API_KEY"] == KEY and outcome.env["ACCESS"] == "proxy-key"
    assert KEY not in outcome.out and "Which provider" not in outcome.out


def test_a_key_from_a_variable(tmp_path: Path) -> None:
    arguments = ("--yes", "--no-check", "--provider", "siliconflow-cn")
    outcome = run(tmp_path, *arguments, SILICONFLOW_CN_API_KEY=KEY, OPENAI_API_KEY="another-s")
    assert outcome.code == 0 and outcome.env["OPENAI_API_KEY"] == KEY


@pytest.mark.parametrize("entry", table.ENTRIES, ids=lambda entry: entry.name)
def test_every_provider_makes_settings_that_pass_the_doctor(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = ["--base-url", entry.base_url.replace(entry.blank, "mine")] if entry.blank else []
    settings = write(tmp_path, "--provider", entry.name, *address).env
    assert startup.load(settings).access_mode == "proxy-key"
    report = new_report()
    monkeypatch.setattr(local, "upstreams", lambda *_: None)  # no call to the provider
    local.examine(settings, tmp_path, report, None)  # type: ignore[arg-type]
    findings = findings_of(report)
    assert not findings.bad and "access.proxy-key" in findings.codes


@pytest.mark.parametrize("platform", registry.PLATFORMS, ids=lambda platform: platform.name)
@pytest.mark.parametrize("access", ["proxy-key", "signed-keys", "own-keys"])
def test_every_platform_and_kind_of_access(tmp_path: Path, platform: Platform, access: str) -> None:
    provider = "own-keys" if access == "own-keys" else "openai"
    settings = write(tmp_path, "--provider", provider, "--platform", platform.name, "--access", access).env
    assert startup.load(settings).access_mode == ("own-key" if access == "own-keys" else "proxy-key")


def test_callers_keys_for_one_provider(tmp_path: Path) -> None:
    settings = write(tmp_path, "--provider", "groq", "--access", "own-keys").env
    assert settings["OPENAI_BASE_URL"] == "https://api.groq.com/openai/v1" and not settings["OPENAI_API_KEY"]


def test_limits(tmp_path: Path) -> None:
    settings = write(tmp_path, "--provider", "openai", "--max-cost-usd", "0.1", "--key-budget-usd", "5").env
    assert settings["MAX_COST_USD"] == "0.1" and settings["STORE"] == f"sqlite:{tmp_path / 'sluice.db'}"
    arguments = ("--force", "--provider", "openai", "--platform", "vercel", "--store", "https://x.example")
    assert write(tmp_path, *arguments, STORE_TOKEN="t0ken").env["STORE_TOKEN"] == "t0ken"


def test_several_providers_and_their_keys(tmp_path: Path) -> None:
    arguments = ("--provider", "deepseek", "--provider", "other", "--toml", "--yes", "--no-check", "--key", "-")
    outcome = run(tmp_path, *arguments, "--no-check", answers="a\nb\n")
    assert outcome.code == 1 and "--provider other needs --base-url" in outcome.err
    outcome = run(tmp_path, "--provider", "openai", *arguments[:2], *arguments[4:], answers="a\nb\n")
    loaded = startup.load({}, (tmp_path / "sluice.toml").read_text(encoding="utf-8"))
    assert outcome.code == 0 and [provider.keys for provider in loaded.providers] == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "--yes needs --provider"),
        ("--provider nobody", "--provider nobody is not in docs/providers.md"),
        ("--provider openai --provider openai --toml", "is given twice"),
        ("--provider openai --provider groq", "Several providers need --toml"),
        ("--provider openai --provider own-keys --toml", "stands alone"),
        ("--provider openai --provider groq --toml --base-url https://x.example/v1", "--base-url is for one provider"),
        ("--provider azure", "--provider azure needs --base-url: https://RESOURCE.openai"),
        ("--provider other", "--provider other needs --base-url"),
        ("--provider openai --base-url nowhere", "OPENAI_BASE_URL must be an address"),
        ("--provider deepseek", "No key for deepseek: set DEEPSEEK_API_KEY"),
        ("--provider own-keys --access proxy-key", "proxy-key needs a provider's key on the server"),
        ("--provider own-keys --max-cost-usd 1", "Limits of cost and budgets need a provider's key"),
        ("--provider ollama --max-cost-usd much", "MAX_COST_USD must be a number"),
        ("--provider ollama --max-cost-usd 1 --platform cloudflare", "the bundle for Cloudflare Workers cannot do"),
        ("--provider ollama --key-budget-usd 5 --platform tencent", "--key-budget-usd needs --store"),
        ("--provider ollama --key-budget-usd 5 --platform tencent --store sqlite:x", "only use the https:// address"),
        ("--provider ollama --key-budget-usd 5 --store x", "STORE must be sqlite:FILE"),
        ("--provider ollama --store https://x.example", "needs the variable STORE_TOKEN"),
        ("--provider ollama --platform cloudflare --toml", "Cloudflare Workers has no files"),
        ("--provider perplexity --access own-keys --platform aws", "takes no UPSTREAMS. Add --toml"),
        (
            "--provider ollama --key-budget-usd 5 --platform aws --store https://x.example",
            "no STORE, STORE_TOKEN",
        ),
    ],
)
def test_what_does_not_fit_together_is_said_and_nothing_is_written(tmp_path: Path, arguments: str, says: str) -> None:
    environ = {"STORE_TOKEN": "t0ken"} if "aws" in arguments else {}
    outcome = run(tmp_path, "--yes", "--no-check", *arguments.split(), **environ)
    assert outcome.code == 1 and says in outcome.err and not outcome.wrote


def test_a_key_that_cannot_be_one_stops_a_script(tmp_path: Path) -> None:
    outcome = run(tmp_path, "--yes", "--provider", "openai", "--key", "-", answers="Bearer sk-x\n")
    assert outcome.code == 1 and "must not have Bearer" in outcome.err and not outcome.wrote


def test_a_value_that_shells_read_differently_needs_the_other_file(tmp_path: Path) -> None:
    arguments = ("--provider", "openai", "--yes", "--no-check", "--key", "-")
    outcome = run(tmp_path, *arguments, answers="it's-a-key\n")
    assert outcome.code == 1 and "OPENAI_API_KEY has a quotation mark" in outcome.err and not outcome.wrote
    assert run(tmp_path, *arguments, "--toml", answers="it's-a-key\n").code == 0
    assert 'openai_api_key = "it\'s-a-key"' in (tmp_path / "sluice.toml").read_text(encoding="utf-8")


def test_a_file_that_exists_is_replaced_with_force_only(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n")
    outcome = run(tmp_path, "--yes", "--provider", "own-keys")
    assert outcome.code == 1 and "Add --force to replace it" in outcome.err
    assert (tmp_path / ".env").read_text() == "MINE=1\n"
    assert run(tmp_path, "--yes", "--provider", "own-keys", "--force").code == 0


def test_the_document_s_lines_work_as_they_stand(tmp_path: Path) -> None:
    lines = "".join(blocks("docs/configuration.md", "sh")).splitlines()
    found = [line for line in lines if line.startswith("python -m proxy init --yes")]
    assert len(found) == 2
    for line in found:
        arguments = shlex.split(line.partition(" < ")[0])[4:]
        outcome = run(tmp_path, "--no-check", "--force", *arguments, answers=f"{KEY}\n")
        assert outcome.code == 0 and startup.load(outcome.env)


def test_the_document_names_every_option() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = text.split("\n## A first configuration\n")[1].split("\n## ")[0]
    assert all(f"`--{name.replace('_', '-')}" in section for name in Options.__slots__)


def test_a_key_is_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--key", "sk-secret", "--lang", "en"]) == 2
    error = capsys.readouterr().err
    assert "--key accepts only -" in error and "sk-secret" not in error
