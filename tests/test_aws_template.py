"""template.yaml: clean for AWS's linter, and the values that it lets pass unseen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy import config

ROOT = Path(__file__).parent.parent


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as (tag, value)."""


Loader.add_multi_constructor("!", lambda loader, tag, node: (tag, loader.construct_scalar(node)))


@pytest.fixture(scope="module")
def template() -> Any:
    return yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader)


def test_aws_s_linter_finds_nothing() -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run(
        [str(linter), "--non-zero-exit-code", "error", "template.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


def test_both_functions_are_what_they_are_called(template: Any) -> None:
    functions = {name: one["Properties"] for name, one in template["Resources"].items()}
    urls = {name: one["FunctionUrlConfig"] for name, one in functions.items()}
    assert urls == {
        "Streaming": {"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"},
        "Buffered": {"AuthType": "NONE", "InvokeMode": "BUFFERED"},
    }
    wrapped = functions["Streaming"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    assert wrapped == "/var/task/aws_bootstrap"
    assert "Environment" not in functions["Buffered"]
    assert {one["Handler"] for one in functions.values()} == {"handler.lambda_handler"}


def test_what_both_share(template: Any) -> None:
    shared = template["Globals"]["Function"]
    assert (shared["Runtime"], shared["Architectures"], shared["Timeout"]) == ("python3.13", ["arm64"], 300)
    assert shared["CodeUri"] == "build/aws"
    variables = shared["Environment"]["Variables"]
    assert set(variables) <= {setting.name for setting in config.SETTINGS}


def test_access_must_be_chosen_and_secrets_are_not_echoed(template: Any) -> None:
    parameters = template["Parameters"]
    assert "Default" not in parameters["Access"]
    assert parameters["Access"]["AllowedValues"] == ["proxy-key", "pass-through"]
    assert parameters["OpenAIApiKey"]["NoEcho"] is True and parameters["ProxyKey"]["NoEcho"] is True


def test_the_outputs_are_base_urls(template: Any) -> None:
    values = [one["Value"][1] for one in template["Outputs"].values()]
    assert values == ["${StreamingUrl.FunctionUrl}v1", "${BufferedUrl.FunctionUrl}v1"]
