"""The commands that `init` prints: valid shell without a key in it, and what each platform's files ask for."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from proxy.cli.init import recipes, sam
from proxy.cli.init.options import Options
from proxy.cli.init.plan import Plan
from proxy.cli.init.session import Session
from proxy.cli.init.terminal import Terminal
from proxy.cli.init.texts_en import TEXTS
from proxy.platforms import registry
from proxy.platforms.registry import BUNDLES
from tests.support.init import KEY, by_shell, write
from tests.support.paths import ROOT

PLATFORMS = [platform.name for platform in registry.PLATFORMS]
posix = pytest.mark.skipif(os.name == "nt", reason="no POSIX shell")
STORE = ("--key-budget-usd", "5", "--store", "https://x.example")


def commands(out: str) -> list[str]:
    """The printed lines that are commands, from `Next` on, without those that are typed into a file or a question."""
    _, after = out.split("Next, in ")
    found = [line for line in after.splitlines() if line.startswith("  ")]
    return [line.strip() for line in found if not re.match(r" +([A-Z_]+: |Parameter )", line)]


@posix
@pytest.mark.parametrize(
    ("platform", "form"),
    [
        (platform, form)
        for platform in PLATFORMS
        for form in ([], ["--toml"])
        if not (form and platform in ("cloudflare", "edgeone"))  # no file of settings there
    ],
)
@pytest.mark.parametrize("access", ["proxy-key", "signed-keys", "own-keys"])
def test_they_are_valid_shell_and_hold_no_key(tmp_path: Path, platform: str, access: str, form: list[str]) -> None:
    provider = ["--provider", "deepseek" if access != "own-keys" else "own-keys"]
    outcome = write(tmp_path, *provider, "--platform", platform, "--access", access, *form)
    lines = commands(outcome.out)
    assert subprocess.run(["sh", "-n"], input="\n".join(lines), text=True, timeout=60, check=False).returncode == 0
    file = (tmp_path / ("sluice.toml" if form else ".env")).read_text(encoding="utf-8")
    secrets = {KEY, *re.findall(r"(?im)^(?:proxy_key|signing_secret) ?= ?['\"]?([\w-]{20,})", file)}
    assert len(secrets) == (1 if access == "own-keys" else 2)
    assert not [secret for secret in secrets if secret in "\n".join(lines)]
    assert f"docs/deploy-{platform.replace('server', 'container')}.md" in outcome.out


@posix
def test_a_shell_hands_on_what_is_in_the_file(tmp_path: Path) -> None:
    outcome = write(tmp_path, "--provider", "deepseek", "--platform", "vercel")
    assert by_shell(tmp_path / ".env") == outcome.env
    (piped,) = [line for line in commands(outcome.out) if "env add OPENAI_API_KEY" in line]
    command = piped.split("|")[0].replace("../../", "./")
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == KEY


@posix
def test_the_server_s_commands_start_a_server(tmp_path: Path) -> None:
    outcome = write(tmp_path, "--provider", "deepseek", "--platform", "server")
    load, serve, *_ = commands(outcome.out)
    assert serve == "python -m proxy serve"
    done = subprocess.run(
        ["sh", "-c", f'{load}; echo "$ACCESS $OPENAI_BASE_URL"; env | grep -c ^PROXY_KEY='],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "OPENAI_BASE_URL": "https://shell.example"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["proxy-key", "https://api.deepseek.com", "1"]


def test_each_platform_has_its_page() -> None:
    for platform in registry.PLATFORMS:
        page = "docs/deploy-container.md" if platform.name == "server" else f"docs/deploy-{platform.name}.md"
        assert (ROOT / page).exists()


def test_a_reader_of_chinese_gets_the_chinese_page(tmp_path: Path) -> None:
    assert "docs/deploy-aws.md" in write(tmp_path, "--provider", "own-keys", "--platform", "aws", "--lang", "zh").out
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "deploy-aws.zh-CN.md").touch()
    arguments = ("--force", "--provider", "own-keys", "--platform", "aws", "--lang", "zh")
    assert "docs/deploy-aws.zh-CN.md" in write(tmp_path, *arguments).out


def test_a_manifest_gets_the_lines_that_it_lacks(tmp_path: Path) -> None:
    platform, manifest = "aliyun", "s.yaml"
    arguments = ("--provider", "deepseek", "--platform", platform, "--access", "signed-keys", *STORE)
    outcome = write(tmp_path, *arguments, STORE_TOKEN="t")
    given = {name for name, value in outcome.env.items() if value}
    added = re.findall(r"^ +([A-Z_]+): (.*)$", outcome.out, re.MULTILINE)
    assert {name for name, _ in added} == given - {"ACCESS", "OPENAI_API_KEY"}
    text = (ROOT / manifest).read_text(encoding="utf-8")
    at = re.search(r"^( +)ACCESS: .*\n", text, re.MULTILINE)
    assert at and all(f"\n{at[1]}{name}: {value}\n" in f"\n{outcome.out}" for name, value in added)
    lines = "".join(f"{at[1]}{name}: {value}\n" for name, value in added)
    variables = yaml.safe_load(text[: at.end()] + lines + text[at.end() :])
    assert all(f"'{name}'" in str(variables) for name, _ in added)
    assert "First add" not in write(tmp_path, "--force", "--provider", "openai", "--platform", platform).out


def parameters(template: str) -> set[str]:
    """The parameters of a template that are settings."""
    text = (ROOT / template).read_text(encoding="utf-8").split("\nParameters:\n")[1].split("\nConditions:\n")[0]
    found = set(re.findall(r"^  (\w+):$", text.split("\nGlobals:\n")[0], re.MULTILINE))
    return found - {"ReservedConcurrency"}


@pytest.mark.parametrize("access", ["proxy-key", "signed-keys", "own-keys"])
def test_sam_s_questions_are_the_template_s(access: str) -> None:
    wanted = parameters(sam.template(access))
    assert wanted <= sam.PARAMETERS.keys()
    everything = {setting for name, setting in sam.PARAMETERS.items() if name in wanted}
    answers, stored = sam.answers(access, tuple(everything))
    assert answers.keys() == wanted and stored.keys() == (set() if access == "own-keys" else sam.STORED.keys())
    assert sam.missing_secrets(access, ("STORE", "ACCESS")) == ([] if access == "signed-keys" else ["STORE"])


def test_sam_gets_a_key_for_anthropic_from_the_parameter_store(tmp_path: Path) -> None:
    out = write(tmp_path, "--provider", "anthropic", "--platform", "aws", "--max-cost-usd", "0.5").out
    assert "| aws ssm put-parameter --name /sluice/anthropic" in out and "        MAX_COST_USD: '0.5'\n" in out
    assert "Parameter AnthropicApiKey: {{resolve:ssm:/sluice/anthropic}}" in out
    assert "Parameter OpenAIApiKey: none" in out
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    (pattern,) = set(re.findall(r"AllowedPattern: '(\(.*resolve.*\?)'", text))
    assert all(re.fullmatch(pattern, f"{{{{resolve:ssm:{place}}}}}") for place in sam.STORED.values())


def test_sam_with_the_other_file(tmp_path: Path) -> None:
    out = write(tmp_path, "--provider", "anthropic", "--platform", "aws", "--toml").out
    assert "Parameter OpenAIApiKey: none\n    Parameter ProxyKey: the value of proxy_key in sluice.toml\n" in out
    assert "keep the zip to yourself" in out and "ssm" not in out and "First add" not in out


def test_pass_through_on_each_platform(tmp_path: Path) -> None:
    def out(platform: str, *more: str, provider: str = "own-keys") -> str:
        (tmp_path / "sluice.toml").unlink(missing_ok=True)
        return write(tmp_path, "--force", "--provider", provider, "--platform", platform, *more).out

    assert 'First set "ACCESS": "pass-through" in cloudflare/wrangler.jsonc.' in out("cloudflare")
    assert "npx wrangler secret put" not in out("cloudflare")
    assert "npx vercel env add ACCESS production" in out("vercel")
    assert "printf %s pass-through | npx vercel env add ACCESS production" in out("vercel", "--toml")
    assert "env add" not in out("vercel", "--toml", provider="openai")
    assert "--template-file template.pass-through.yaml" in out("aws")


def test_the_other_file_leaves_the_manifest_s_variables_empty(tmp_path: Path) -> None:
    out = write(tmp_path, "--provider", "openai", "--platform", "aliyun", "--toml").out
    assert "  export ACCESS= OPENAI_API_KEY= PROXY_KEY=\n" in out
    assert "  python -m proxy serve\n" in write(tmp_path, "--force", "--provider", "openai", "--toml").out


def test_what_would_win_over_the_other_file_is_taken_from_the_shell_first(tmp_path: Path) -> None:
    other = {"ANTHROPIC_BASE_URL": "https://agent.example", "OPENAI_BASE_URL": "https://shell.example", "ACCESS": ""}
    outcome = write(tmp_path, "--provider", "deepseek", "--toml", OPENAI_API_KEY=KEY, **other)
    assert commands(outcome.out)[:2] == ["unset OPENAI_BASE_URL ANTHROPIC_BASE_URL", "python -m proxy serve"]


def new_plan(folder: Path, name: str) -> Plan:
    """A plan for a folder without our files."""
    session = Session(Options(toml=True), {}, Terminal(io.StringIO(), io.StringIO(), TEXTS), TEXTS, "en", folder)
    (platform,) = (platform for platform in registry.PLATFORMS if platform.name == name)
    return Plan(session, platform, "own-keys", {"ACCESS": "pass-through"}, "sluice.toml")


def test_outside_of_a_checkout_the_other_file_is_named(tmp_path: Path) -> None:
    assert "  CONFIG_FILE=sluice.toml python -m proxy serve" in recipes.lines(new_plan(tmp_path, "server"))


def test_outside_of_a_checkout_a_platform_gets_its_page(tmp_path: Path) -> None:
    plan = new_plan(tmp_path, "tencent")
    assert any("docs/deploy-tencent.md says how to deploy it." in line for line in recipes.lines(plan))


def test_a_platform_without_a_recipe_gets_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "_RECIPES", {})
    out = write(tmp_path, "--provider", "openai", "--platform", "vercel").out
    assert "docs/deploy-vercel.md says how to deploy it." in out and ": ACCESS, OPENAI_API_KEY, PROXY_KEY." in out


VALUES = re.compile(r"(?<=--set-env-vars )\S+|(?<=--settings ).*| --set-secrets \S+| web [A-Z_ ]+$")


def calls(text: str, tool: str) -> list[str]:
    """The calls of a tool, each in one line and without the settings that it hands on."""
    lines = re.sub(r" \\\n +", " ", text).splitlines()
    return [VALUES.sub("…", line.strip()).rstrip("…") for line in lines if line.strip().startswith(f"{tool} ")]


@pytest.mark.parametrize("form", [[], ["--toml"]])
@pytest.mark.parametrize(("platform", "tool"), [("tencent", "tccli"), ("cloudrun", "gcloud"), ("azure", "az")])
def test_the_commands_are_those_of_the_page(tmp_path: Path, platform: str, tool: str, form: list[str]) -> None:
    printed = calls(write(tmp_path, "--provider", "openai", "--platform", platform, *form).out, tool)
    page = calls((ROOT / f"docs/deploy-{platform}.md").read_text(encoding="utf-8"), tool)
    assert len(printed) > 3 and not [line for line in printed if line not in page]


# What deploys on the platforms whose pages have other lines around it.
STEPS = {
    "aliyun": ["s deploy -y"],
    "aws": ["sam deploy --guided"],
    "cloudflare": ["cd build/cloudflare", "uv run pywrangler deploy", "npx wrangler secret put OPENAI_API_KEY"],
    "vercel": [
        "cd build/vercel",
        "npx vercel link",
        "npx vercel env add OPENAI_API_KEY production",
        "npx vercel deploy --prod",
    ],
}


@pytest.mark.parametrize("platform", STEPS)
def test_the_bundle_is_built_and_then_deployed_as_the_page_says(tmp_path: Path, platform: str) -> None:
    printed = commands(write(tmp_path, "--provider", "openai", "--platform", platform).out)
    page = (ROOT / f"docs/deploy-{platform}.md").read_text(encoding="utf-8").splitlines()
    steps = [line.split(" | ")[-1] for line in printed]
    at = [steps.index(step) for step in (f"python dev.py bundle {platform}", *STEPS[platform])]
    assert at == sorted(at) and platform in BUNDLES and not [step for step in STEPS[platform] if step not in page]
    assert steps[-1].startswith("(. ./.env; SLUICE_KEY=") and "python -m proxy doctor --url " in steps[-1]


def test_tencent_s_requests_are_written_with_every_setting(tmp_path: Path) -> None:
    arguments = ("--provider", "deepseek", "--platform", "tencent", "--access", "signed-keys", *STORE)
    outcome = write(tmp_path, *arguments, STORE_TOKEN="t")
    given = {name for name, value in outcome.env.items() if value} - {"ACCESS", "OPENAI_API_KEY"}
    (line,) = [line for line in outcome.out.splitlines() if "tools.scf_requests" in line]
    assert line.startswith("  (set -a; . ./.env; set +a; python -m tools.scf_requests web ")
    assert set(line.removesuffix(")").split(" web ")[1].split()) == given


def test_cloud_run_s_keys_are_secrets_and_the_rest_is_plain(tmp_path: Path) -> None:
    outcome = write(tmp_path, "--provider", "deepseek", "--platform", "cloudrun", "--max-cost-usd", "0.5")
    assert "--set-env-vars ACCESS=proxy-key,OPENAI_BASE_URL=https://api.deepseek.com,MAX_COST_USD=0.5," in outcome.out
    assert "--set-secrets OPENAI_API_KEY=OPENAI_API_KEY:latest,PROXY_KEY=PROXY_KEY:latest" in outcome.out
    assert outcome.out.count("| gcloud secrets create ") == 2
    own = write(tmp_path, "--force", "--provider", "own-keys", "--platform", "cloudrun").out
    assert "ACCESS=pass-through,CLOUD_RUN_REGION=$REGION\n" in own and "secrets" not in own.replace("secretm", "")


@posix
def test_azure_gets_its_settings_as_json_through_a_pipe(tmp_path: Path) -> None:
    outcome = write(tmp_path, "--provider", "deepseek", "--platform", "azure")
    (piped,) = [line.split(" | az ")[0] for line in outcome.out.splitlines() if "| az " in line]
    done = subprocess.run(["sh", "-c", piped], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == {name: value for name, value in outcome.env.items() if value}
