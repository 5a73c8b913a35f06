"""`python -m proxy keys`: a key is made, looked into, and lets its holder in."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import Any

import pytest

from proxy.__main__ import main
from proxy.cli import keys
from proxy.errors import ConfigError
from tests.conftest import Serve
from tests.contract.case import JSON, Ask
from tests.contract.drivers import AsgiDriver
from tests.support.upstream import Upstream, whole

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_SECRET", SECRET)
    monkeypatch.delenv("REVOKED_KEYS", raising=False)


def mint(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[str, str]:
    assert main(["keys", "mint", "--name", "alice", *more]) == 0
    told = capsys.readouterr()
    return told.out.strip(), told.err


def test_the_key_alone_is_printed_and_what_it_may_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    key, told = mint(
        capsys, "--models", "gpt-4o*, o3", "--paths", "chat,/v1/embeddings/", "--max-output-tokens", "4000"
    )
    assert re.fullmatch(r"sk-sluice-[\w.-]+", key) and key not in told
    assert "gpt-4o*, o3" in told and "chat, embeddings" in told and "4000 tokens" in told
    assert main(["keys", "inspect", key]) == 0
    assert capsys.readouterr().out == told
    key, told = mint(capsys)
    assert "models   all" in told and "all that are open" in told and "any number of tokens" in told


def test_a_key_that_would_be_refused_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = mint(capsys, "--days", "0.00001")
    monkeypatch.setattr("proxy.cli.keys.time.time", lambda: 4e9)
    assert main(["keys", "inspect", key]) == 1 and "refused  it has expired" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setenv("SIGNING_SECRET", SECRET)
    key, _ = mint(capsys)
    monkeypatch.setenv("REVOKED_KEYS", "alice")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{key}\n"))
    assert main(["keys", "inspect", "-"]) == 1 and "refused  it was revoked" in capsys.readouterr().out


@pytest.mark.parametrize("sent", ["sk-sluice-x.y", "sk-other", ""])
def test_what_is_no_key_of_this_secret_is_told(sent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "inspect", sent]) == 1
    assert "did not sign the key" in capsys.readouterr().err


def test_without_a_secret_the_command_says_how_to_make_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIGNING_SECRET")
    assert main(["keys", "mint", "--name", "a"]) == 1
    told = capsys.readouterr().err
    assert re.search(r"export SIGNING_SECRET=[\w-]{43}", told)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"name": "two words"}, "--name takes"),
        ({"name": "a", "days": 0}, "--days takes"),
        ({"name": "a", "days": 1e9}, "--days takes"),
        ({"name": "a", "max_output_tokens": 15}, "--max-output-tokens takes"),
        ({"name": "a", "paths": "chat,nowhere"}, "--paths: nowhere is no path"),
        ({"name": "a", "models": ""}, "--models and --paths take a list"),
        ({"name": "a", "paths": ""}, "--models and --paths take a list"),
    ],
)
def test_what_cannot_be_put_into_a_key_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        keys.make({"SIGNING_SECRET": SECRET}, keys.Asked(**asked), 0)


def test_a_key_from_the_command_line_lets_its_holder_in(serve: Serve, upstream: Upstream) -> None:
    """The whole way, in processes of their own: minted in one, verified in another."""
    command = [sys.executable, "-m", "proxy", "keys", "mint", "--name", "bob", "--models", "gpt-4o"]
    key = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    driver = AsgiDriver(serve)
    upstream.play(whole(b'{"ok":1}'))
    settings = (("OPENAI_BASE_URL", upstream.url), ("OPENAI_API_KEY", "sk-server"), ("SIGNING_SECRET", SECRET))
    ask = Ask(headers=(("Authorization", f"Bearer {key}"), JSON))
    assert driver.ask(ask, settings).status == 200
    assert upstream.received[0].header("authorization") == "Bearer sk-server"
    other = Ask(headers=ask.headers, body=b'{"model":"o3"}')
    assert driver.ask(other, settings).status == 403 and len(upstream.received) == 1
    driver.close()
