"""The requests that deploy a function with Tencent's `tccli`: as serverless.yml has it, for the owner's eyes alone."""

from __future__ import annotations

import base64
import json
import re
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support import node
from tests.support.paths import ROOT
from tests.support.scf import inputs_of
from tools import scf_requests

pytestmark = pytest.mark.any_python("the requests are the same on every Python")
KEY = "7f3c9a51e0b24d6895aa31c4"
ENVIRON = {"ACCESS": "proxy-key", "OPENAI_API_KEY": "sk-x", "PROXY_KEY": KEY}
ZIP = b"PK\x03\x04 the zip"
PAGES = ("docs/deploy-tencent.md", "docs/deploy-tencent.zh-CN.md")


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for kind in scf_requests.NAMES:
        (tmp_path / f"sluice-scf-{kind}.zip").write_bytes(ZIP)
    return tmp_path


def written(build: Path) -> dict[str, Any]:
    return {path.stem.removeprefix("scf-"): json.loads(path.read_text()) for path in build.glob("scf-*.json")}


@pytest.mark.parametrize(("kind", "file"), [("web", "serverless.yml"), ("event", "serverless.event.yml")])
def test_the_function_is_the_one_of_the_file_that_tencent_s_older_tool_reads(kind: str, file: str, build: Path) -> None:
    """Tencent's own toolkit makes the other request out of the file."""
    expected = node.run("scf_requests.js", inputs_of(file))
    variables = {variable["Key"]: variable["Value"] for variable in expected["function"]["Environment"]["Variables"]}
    assert scf_requests.main([kind], {**variables, "PROXY_KEY": KEY}, build) == 0
    made = written(build)
    assert set(made) == set(scf_requests.PURPOSES)
    function = made["function"]
    code = function.pop("Code")
    set_by_us = {"Environment", *function} & set(expected["function"])
    assert set(function) == set_by_us
    for name in set_by_us - {"Environment"}:
        assert function[name] == expected["function"][name], name
    assert [variable["Key"] for variable in function["Environment"]["Variables"]] == list(variables)
    left_out = set(expected["function"]) - set(function)
    assert left_out == {"Code", "DeployMode", "DiskSize", "L5Enable", "Namespace"}, "the API's defaults"
    trigger = {name: value for name, value in expected["trigger"].items() if name not in ("Action", "Namespace")}
    assert made["url"] == trigger
    assert base64.b64decode(code["ZipFile"]) == base64.b64decode(made["code"]["ZipFile"]) == ZIP
    assert made["code"].get("Handler") == function.get("Handler")


def test_nobody_else_can_read_them_not_even_where_older_ones_could_be(build: Path) -> None:
    old = build / "scf-function.json"
    old.write_text("{}")
    old.chmod(0o644)
    assert scf_requests.main([], ENVIRON, build) == 0
    for path in build.glob("scf-*.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_further_settings_are_taken_if_they_are_named(build: Path) -> None:
    environ = {**ENVIRON, "OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": "sk-ant", "GEMINI_API_KEY": "of an agent's"}
    assert scf_requests.main(["web", "ANTHROPIC_API_KEY"], environ, build) == 0
    variables = written(build)["settings"]["Environment"]["Variables"]
    assert [variable["Key"] for variable in variables] == ["ACCESS", "PROXY_KEY", "ANTHROPIC_API_KEY"]


def test_without_access_only_the_code_is_new(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scf_requests.main([], ENVIRON, build) == 0
    assert scf_requests.main(["web"], {**ENVIRON, "ACCESS": " "}, build) == 0
    assert set(written(build)) == {"code"} and KEY not in (build / "scf-code.json").read_text()
    assert "ACCESS is not set, so these are only for new code" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "environ", "says"),
    [
        ([], {**ENVIRON, "PROXY_KEY": ""}, "ACCESS=proxy-key needs PROXY_KEY or SIGNING_SECRET."),
        ([], {**ENVIRON, "PROXY_KEY": "a-long-random-text"}, "PROXY_KEY is a sample key"),
        ([], {**ENVIRON, "ACCESS": "pass-through"}, "Remove OPENAI_API_KEY."),
        (["cron"], ENVIRON, "cron is no kind of function. Choose web or event."),
    ],
)
def test_a_function_that_would_not_start_is_not_written(
    arguments: list[str], environ: dict[str, str], says: str, build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scf_requests.main(arguments, environ, build) == 1
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and not written(build)


def test_a_zip_that_is_missing_or_too_large_is_told(
    build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scf_requests, "MAX_ZIP_BYTES", len(ZIP) - 1)
    assert scf_requests.main(["event"], ENVIRON, build) == 1
    assert "with --no-tokens, or upload it in the console." in capsys.readouterr().err
    (build / "sluice-scf-web.zip").unlink()
    assert scf_requests.main(["web"], ENVIRON, build) == 1
    assert "Run make bundle first." in capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_name_the_files_and_the_function_that_are_written(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"file://build/scf-(\w+)\.json", text)) == set(scf_requests.PURPOSES) - {"settings"}
    assert set(re.findall(r"--FunctionName ([\w-]+)", text)) == {scf_requests.NAMES["web"]}
    assert "npm install" not in text and "1154/39271" in text


def test_settings_in_the_zip_need_no_variables(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = build / "sluice-scf-web.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("sluice.toml", 'access = "pass-through"\n')
    assert scf_requests.main([], {}, build) == 0
    requests = written(build)
    assert set(requests) == {"function", "url", "code"} and "Environment" not in requests["function"]
    assert "only for new code" not in capsys.readouterr().out
