"""`python -m proxy keys`: creates a key, inspects it, and the key gets its holder in."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.__main__ import main
from proxy.access import signed_keys
from proxy.call import Grant
from proxy.cli import keys
from proxy.errors import ConfigError
from tests.conftest import Serve
from tests.support import command
from tests.support.case import JSON, Ask
from tests.support.drivers import AsgiDriver
from tests.support.stores import PATIENT, Backend
from tests.support.upstream import Upstream, whole

SECRET = "s" * 32
COUNTED = "   (counted in the endpoint's STORE)"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_SECRET", SECRET)
    monkeypatch.delenv("REVOKED_KEYS", raising=False)


def mint(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[str, str]:
    assert main(["keys", "mint", "--name", "alice", *more]) == 0
    captured = capsys.readouterr()
    return captured.out.strip(), captured.err


def test_stdout_gets_the_key_and_stderr_what_it_allows(capsys: pytest.CaptureFixture[str]) -> None:
    key, description = mint(
        capsys, "--models", "gpt-4o*, o3", "--paths", "chat,/v1/embeddings/", "--max-output-tokens", "4000"
    )
    assert re.fullmatch(r"sk-sluice-[\w.-]+", key) and key not in description
    assert "gpt-4o*, o3" in description and "chat, embeddings" in description and "4000 tokens" in description
    assert main(["keys", "inspect", key]) == 0
    assert capsys.readouterr().out == description
    key, description = mint(capsys)
    assert "models   all" in description and "all open paths" in description and "any length" in description


def test_inspect_says_why_a_key_would_be_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = mint(capsys, "--days", "0.00001")
    monkeypatch.setattr("proxy.cli.keys.time.time", lambda: 4e9)
    assert main(["keys", "inspect", key]) == 1 and "refused  expired" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setenv("SIGNING_SECRET", SECRET)
    key, _ = mint(capsys)
    monkeypatch.setenv("REVOKED_KEYS", "alice")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{key}\n"))
    assert main(["keys", "inspect", "-"]) == 1 and "refused  revoked" in capsys.readouterr().out


@pytest.mark.parametrize("sent", ["sk-sluice-x.y", "sk-other", ""])
def test_inspect_refuses_a_key_of_another_secret(sent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "inspect", sent]) == 1
    assert "did not sign the key" in capsys.readouterr().err


def test_without_a_secret_the_command_says_how_to_make_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIGNING_SECRET")
    assert main(["keys", "mint", "--name", "a"]) == 1
    assert re.search(r"export SIGNING_SECRET=[\w-]{43}", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "two words"}, "--name must be"),
        ({"name": "a", "days": 0}, "--days must be"),
        ({"name": "a", "days": 1e9}, "--days must be"),
        ({"name": "a", "max_output_tokens": 15}, "--max-output-tokens must be"),
        ({"name": "a", "paths": "chat,nowhere"}, "--paths: unknown path nowhere"),
        ({"name": "a", "models": ""}, "--models and --paths must not be empty"),
        ({"name": "a", "paths": ""}, "--models and --paths must not be empty"),
        ({"name": "a", "per": "day"}, "Add --budget-usd, or omit --per"),
        ({"name": "a", "budget_usd": 0}, "--budget-usd must be from 0.000001 to 1000000"),
        ({"name": "a", "budget_usd": -5}, "--budget-usd must be from"),
        ({"name": "a", "budget_usd": 1_000_000.01}, "--budget-usd must be from"),
        ({"name": "a", "budget_usd": float("nan")}, "--budget-usd must be from"),
        ({"name": "a", "rpm": 0}, "--rpm must be from 1 to 1000000"),
        ({"name": "a", "rpm": 1_000_001}, "--rpm must be from 1 to 1000000"),
        ({"name": "a", "tpm": -1}, "--tpm must be from 1 to 1000000000"),
        ({"name": "a", "tpm": 1_000_000_001}, "--tpm must be from"),
        ({"name": "a", "parallel": 0}, "--parallel must be from 1 to 1000"),
        ({"name": "a", "parallel": 1_001}, "--parallel must be from"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        keys.make({"SIGNING_SECRET": SECRET}, keys.KeyRequest(**options), 0)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ((), []),
        (("--budget-usd", "5"), [f"budget   5 US dollars per month{COUNTED}"]),
        (("--budget-usd", "0.000001", "--per", "day"), [f"budget   0.000001 US dollars per day{COUNTED}"]),
        (("--budget-usd", "1000000", "--per", "total"), [f"budget   1000000 US dollars in all{COUNTED}"]),
        (("--rpm", "20"), [f"rates    20 requests a minute{COUNTED}"]),
        (("--tpm", "100000"), [f"rates    100000 tokens a minute{COUNTED}"]),
        (("--parallel", "2"), [f"rates    2 calls at a time{COUNTED}"]),
        (
            ("--budget-usd", "2.5", "--per", "month", "--rpm", "1", "--tpm", "2", "--parallel", "3"),
            [
                f"budget   2.5 US dollars per month{COUNTED}",
                f"rates    1 requests a minute, 2 tokens a minute, 3 calls at a time{COUNTED}",
            ],
        ),
    ],
)
def test_inspect_prints_the_limits_on_all_calls(
    options: tuple[str, ...], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    key, description = mint(capsys, *options)
    assert main(["keys", "inspect", key]) == 0
    printed = capsys.readouterr().out
    assert printed == description and printed.splitlines()[6:] == shown


def test_dollars_become_exactly_as_many_nano_dollars() -> None:
    options = {"name": "a", "budget_usd": 0.1, "per": "day", "rpm": 1_000_000, "tpm": 1_000_000_000, "parallel": 1_000}
    made = keys.make({"SIGNING_SECRET": SECRET}, keys.KeyRequest(**options), 0)  # type: ignore[arg-type]
    grant = signed_keys.read(made, [SECRET]).grant
    assert grant == Grant((), (), None, 100_000_000, "day", 1_000_000, 1_000_000_000, 1_000)


@pytest.mark.parametrize("option", ["--per=week", "--rpm=many", "--tpm=1.5", "--parallel=", "--budget-usd=five"])
def test_an_option_that_is_no_number_is_exit_code_2(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["keys", "mint", "--name", "a", "--budget-usd", "5", option])
    assert caught.value.code == 2 and f"argument {option.partition('=')[0]}: invalid" in capsys.readouterr().err


def test_the_secret_may_be_in_the_file_whatever_else_that_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sluice.toml"
    upstream = '[[upstreams]]\nname = "a"\nbase_url = "https://a.example"\nkeys = "$NOT_ON_THIS_MACHINE"\n'
    file.write_text(f'signing_secret = "{SECRET}"\nrevoked_keys = "mallory"\n{upstream}')
    monkeypatch.delenv("SIGNING_SECRET")
    monkeypatch.setenv("CONFIG_FILE", str(file))
    key, _ = mint(capsys)
    assert signed_keys.read(key, [SECRET]).name == "alice"
    assert main(["keys", "mint", "--name", "mallory"]) == 0 and "refused  revoked" in capsys.readouterr().err


def test_without_what_signing_takes_the_command_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.startup.can_verify", lambda: False)
    assert main(["keys", "mint", "--name", "a"]) == 1 and "pip install itsdangerous" in capsys.readouterr().err


def test_a_key_from_the_command_line_lets_its_holder_in(serve: Serve, upstream: Upstream) -> None:
    """Across processes: created in one, verified in another."""
    key = command.run("keys", "mint", "--name", "bob", "--models", "gpt-4o", SIGNING_SECRET=SECRET).stdout.strip()
    driver = AsgiDriver(serve)
    upstream.play(whole(b'{"ok":1}'))
    settings = (("OPENAI_BASE_URL", upstream.url), ("OPENAI_API_KEY", "sk-server"), ("SIGNING_SECRET", SECRET))
    ask = Ask(headers=(("Authorization", f"Bearer {key}"), JSON))
    assert driver.ask(ask, settings).status == 200
    assert upstream.received[0].header("authorization") == "Bearer sk-server"
    other = Ask(headers=ask.headers, body=b'{"model":"o3"}')
    assert driver.ask(other, settings).status == 403 and len(upstream.received) == 1
    driver.close()


def test_a_key_that_the_command_line_revokes_is_refused_by_a_server_that_runs(
    serve: Serve, upstream: Upstream, backend: Backend
) -> None:
    def printed(*arguments: str) -> str:
        done = command.run("keys", *arguments, SIGNING_SECRET=SECRET, **backend.settings)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    driver = AsgiDriver(serve)
    upstream.play(whole(b'{"ok":1}'))
    settings = (
        ("OPENAI_BASE_URL", upstream.url),
        ("OPENAI_API_KEY", "sk-server"),
        ("SIGNING_SECRET", SECRET),
        *{**PATIENT, **backend.settings}.items(),
    )
    bob, carol = (printed("mint", "--name", name, "--rpm", "20") for name in ("bob", "carol"))

    def answer(key: str) -> tuple[int, bool]:
        reply = driver.ask(Ask(headers=(("Authorization", f"Bearer {key}"), JSON)), settings)
        return reply.status, b"revoked_key" in reply.body

    try:
        assert answer(bob) == answer(carol) == (200, False)
        assert printed("revoke", "bob").startswith("Revoked bob: 1 known key.")
        assert (answer(bob), answer(carol)) == ((401, True), (200, False))
        assert len(upstream.received) == 3
        keys_shown = json.loads(printed("list", "--json"))["keys"]
        assert [(key["name"], key["revoked"]) for key in keys_shown] == [("bob", True), ("carol", False)]
    finally:
        driver.close()
