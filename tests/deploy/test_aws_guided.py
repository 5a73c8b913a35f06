"""The real `sam deploy --guided` at a terminal, typed as the pages say, up to the call that needs an account."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import sam
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("SAM has an environment of its own")
PAGES = ("deploy-aws.md", "deploy-aws.zh-CN.md")
ENTER = "⏎"
PATIENCE = 120.0  # seconds that SAM may take to a question on a busy machine
TEMPLATES = ("template.yaml", "template.pass-through.yaml", "template.signed-keys.yaml")


def dialogues(page: str) -> list[tuple[list[str], list[tuple[str, str]]]]:
    """Each command that the page gives for SAM's guide, with the questions that it says will come, and the answers."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.findall(r"```sh\n(?:[^`\n]*\n)*?(sam deploy --guided[^\n]*)\n```.*?```text\n(.*?)```", text, re.DOTALL)
    return [(command.split(), [parted(line) for line in block.splitlines()]) for command, block in found]


def parted(line: str) -> tuple[str, str]:
    question, _, answer = line.rpartition(": ")
    return question, "" if answer == ENTER else answer


@pytest.fixture
def api() -> Iterator[sam.Api]:
    found = sam.Api()
    yield found
    found.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The templates with a small bundle beside them, for SAM writes its file where it stands."""
    for name in TEMPLATES:
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "build" / "aws").mkdir(parents=True)
    (tmp_path / "build" / "aws" / "handler.py").write_text("")
    return tmp_path


def test_both_pages_give_the_same_answers() -> None:
    english, chinese = map(dialogues, PAGES)
    assert english == chinese
    assert [command for command, _ in english] == [
        ["sam", "deploy", "--guided", *more] for more in ([], *(["--template-file", name] for name in TEMPLATES[1:]))
    ]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("mode", "asked"),
    [
        (0, {"OpenAIApiKey", "ProxyKey"}),
        (1, set()),
        (2, {"OpenAIApiKey", "SigningSecret"}),
    ],
)
def test_the_page_leads_through_the_guide(page: str, mode: int, asked: set[str], project: Path, api: sam.Api) -> None:
    command, answers = dialogues(page)[mode]
    typed = {question.removeprefix("Parameter "): answer for question, answer in answers if "Parameter" in question}
    secrets = {name: typed[name] for name in asked}
    environ = {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        "HOME": str(project),
        "TERM": "xterm",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": api.url,
        "NO_PROXY": "127.0.0.1",
        "LC_ALL": "C.UTF-8",
    }
    # What `aws configure` writes. Without it SAM 1.170 finds no region at its end, although it has asked for one.
    (project / ".aws").mkdir()
    (project / ".aws" / "config").write_text(f"[default]\nregion = {dict(answers)['AWS Region']}\n")
    terminal = sam.Terminal([str(sam.install()), *command[1:]], project, environ)
    try:
        for question, answer in answers:
            terminal.answer(question, answer, PATIENCE)
        code = terminal.end(PATIENCE)
    finally:
        terminal.close()
    assert code == 1 and "this account is made up" in terminal.seen, terminal.seen
    more = ("AnthropicApiKey", "GeminiApiKey") if asked else ()
    store = ("Store", "StoreToken") if "SigningSecret" in asked else ()
    left_empty = dict.fromkeys(("OpenAIBaseUrl", "AnthropicBaseUrl", "GeminiBaseUrl", *more, *store), "")
    assert api.change_set() == {**secrets, **left_empty, "ReservedConcurrency": "0"}
    # Neither on the screen nor in a file.
    kept = (project / "samconfig.toml").read_text()
    assert not [secret for secret in secrets.values() if secret in terminal.seen or secret in kept]
    # The functions' code and the packaged template have gone up.
    assert any(one.startswith(b"PK") for one in api.stored)
    assert any(b"AWS::Serverless::Function" in one for one in api.stored)
