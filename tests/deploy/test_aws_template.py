"""The three AWS templates: clean for AWS's linter, and the values that it lets pass unseen."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy import startup
from proxy.settings import config
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("only templates are read")
REFERENCE = "{{resolve:ssm:/sluice/openai}}"


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as (tag, value)."""


def short_form(loader: Loader, tag: str, node: yaml.Node) -> tuple[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        return tag, loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    return tag, loader.construct_scalar(node)


Loader.add_multi_constructor("!", short_form)
# Each template with the settings that only it has, and the parameters that only it asks for.
OPENAI = ("Not", [("Equals", [("Ref", "OpenAIApiKey"), "none"])])
URLS = {f"{name.upper()}_BASE_URL": f"{name}BaseUrl" for name in ("OpenAI", "Anthropic", "Gemini")}
MORE_KEYS = {"ANTHROPIC_API_KEY": "AnthropicApiKey", "GEMINI_API_KEY": "GeminiApiKey"}
# Budgets are of keys that are signed; the token is no parameter that the guide would hide.
STORE = {"STORE": "Store", "STORE_TOKEN": "StoreToken"}
WAYS = {
    "template.yaml": {"OPENAI_API_KEY": "OpenAIApiKey", "PROXY_KEY": "ProxyKey"},
    "template.pass-through.yaml": {},
    "template.signed-keys.yaml": {"OPENAI_API_KEY": "OpenAIApiKey", "SIGNING_SECRET": "SigningSecret"},
}


def _more(name: str) -> dict[str, str]:
    """The settings that a template leaves to the user, and that not all templates have."""
    if name == "template.signed-keys.yaml":
        return MORE_KEYS | STORE
    return MORE_KEYS if WAYS[name] else {}


def read(name: str) -> Any:
    return yaml.load((ROOT / name).read_text(encoding="utf-8"), Loader)


@pytest.fixture(params=WAYS)
def template(request: pytest.FixtureRequest) -> Any:
    return read(request.param)


@pytest.mark.parametrize("name", WAYS)
def test_aws_s_linter_finds_nothing(name: str) -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run(
        [str(linter), "--non-zero-exit-code", "error", name],
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


@pytest.mark.parametrize("name", WAYS)
def test_a_template_asks_only_for_what_its_way_needs(name: str) -> None:
    """And a secret has no default: SAM's guide ignores it and asks until something is typed."""
    found, own = read(name), WAYS[name]
    parameters = found["Parameters"]
    more = _more(name)
    assert set(parameters) == {*own.values(), *more.values(), *URLS.values(), "ReservedConcurrency"}
    for secret in own.values():
        assert parameters[secret]["NoEcho"] is True and "Default" not in parameters[secret]
    assert all(parameters[optional]["Default"] == "" for optional in (*more.values(), *URLS.values()))
    variables = found["Globals"]["Function"]["Environment"]["Variables"]
    assert variables == {
        "ACCESS": "pass-through" if name == "template.pass-through.yaml" else "proxy-key",
        **{setting: ("Ref", parameter) for setting, parameter in (own | more | URLS).items()},
        **({"OPENAI_API_KEY": ("If", ["OpenAI", ("Ref", "OpenAIApiKey"), ""])} if own else {}),
    }
    settings = dict.fromkeys(own, "7f3c9a51e0b24d6895aa31c4") | {"ACCESS": variables["ACCESS"]}
    assert startup.load(settings).access == variables["ACCESS"]


def test_the_templates_differ_in_who_may_call_and_in_nothing_else() -> None:
    common = []
    for name, own in WAYS.items():
        found = read(name)
        del found["Description"]
        for setting, parameter in (own | _more(name)).items():
            del found["Parameters"][parameter]
            del found["Globals"]["Function"]["Environment"]["Variables"][setting]
        del found["Globals"]["Function"]["Environment"]["Variables"]["ACCESS"]
        assert found["Conditions"].pop("OpenAI", None) == (OPENAI if own else None)
        common.append(found)
    assert common[0] == common[1] == common[2]


@pytest.mark.parametrize(
    ("name", "parameter", "good", "bad"),
    [
        ("template.yaml", "OpenAIApiKey", ["sk-proj_1", REFERENCE], ["", "sk 1", "sk-é"]),
        ("template.yaml", "ProxyKey", ["a" * 16, REFERENCE], ["", "a" * 15, "a" * 16 + ":", "sk-sluice-" + "a" * 16]),
        ("template.yaml", "AnthropicApiKey", ["", REFERENCE], ["sk-ant-1", "none", "{{resolve:x}} y"]),
        ("template.signed-keys.yaml", "GeminiApiKey", ["", REFERENCE], ["AIza1"]),
        ("template.signed-keys.yaml", "Store", ["", "https://x.upstash.io"], ["redis://x", "x.upstash.io", "http://x"]),
        ("template.signed-keys.yaml", "StoreToken", ["", REFERENCE], ["AX1"]),
        ("template.signed-keys.yaml", "SigningSecret", ["a" * 24, REFERENCE], ["", "a" * 23, "a b" * 10]),
    ],
)
def test_what_start_up_would_refuse_is_refused_before_anything_is_made(
    name: str, parameter: str, good: list[str], bad: list[str]
) -> None:
    found = read(name)["Parameters"][parameter]
    assert all(re.fullmatch(found["AllowedPattern"], one) for one in good)
    assert not any(re.fullmatch(found["AllowedPattern"], one) for one in bad)
    assert found["ConstraintDescription"].startswith("it must ")


def test_concurrency_is_reserved_only_where_it_is_asked_for(template: Any) -> None:
    """A new account has 10 concurrent executions and may reserve none: the stack would roll back."""
    parameter = template["Parameters"]["ReservedConcurrency"]
    assert (parameter["Default"], parameter["MinValue"]) == (0, 0)
    assert template["Conditions"]["Reserved"] == ("Not", [("Equals", [("Ref", "ReservedConcurrency"), 0])])
    reserved = template["Globals"]["Function"]["ReservedConcurrentExecutions"]
    assert reserved == ("If", ["Reserved", ("Ref", "ReservedConcurrency"), ("Ref", "AWS::NoValue")])


def test_the_outputs_are_base_urls(template: Any) -> None:
    values = [one["Value"][1] for one in template["Outputs"].values()]
    assert values == ["${StreamingUrl.FunctionUrl}v1", "${BufferedUrl.FunctionUrl}v1"]


@pytest.mark.parametrize("name", [name for name, own in WAYS.items() if own])
def test_another_provider_s_key_is_enough(name: str) -> None:
    """`none` for OpenAI leaves a relay for Anthropic alone: no address of OpenAI's may be set by default."""
    variables = read(name)["Globals"]["Function"]["Environment"]["Variables"]
    values = dict.fromkeys(variables, "") | dict.fromkeys(WAYS[name], "7f3c9a51e0b24d6895aa31c4")
    loaded = startup.load({**values, "ACCESS": "proxy-key", "OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": "sk-ant-1"})
    assert [provider.name for provider in loaded.providers] == ["anthropic"]
