"""The commands in the documents are run, and what they promise is looked at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from proxy import startup
from tests.conftest import Serve
from tests.support.documents import blocks, made
from tests.support.paths import ROOT
from tools import clients

tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
pytestmark = pytest.mark.any_python("the documents and what they show are the same on every Python")
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
ADDRESS = "http://127.0.0.1:9000"
AGENTS = [one for one in clients.table() if one["group"] == "agents"]


READMES = ("README.md", "README.zh-CN.md")
# What no test can run as it stands, and why; every other line of a shell block is run by a test named below.
NOT_RUN = {
    r"make (run|setup|test|lint|bench|bundle|release)\b": "held to dev.py's targets below, and what it does has tests",
    r"(OPENAI_\w+=\S+ )+make run": "needs a real key",
    r"aws (logs|s3) |tccli |kubectl |journalctl ": "a log elsewhere; test_usage_formats.py reads what each prints",
    r"pip install tccli|tccli (auth|scf)|python -m tools\.scf_requests|rm build/scf-": (
        "Tencent's cloud; test_scf_requests.py writes the requests, test_scf_deploy.py asks Tencent's tool"
    ),
    r"npm install -g @serverless-devs/s|s (config|deploy|version|alias|remove)\b": (
        "Aliyun's cloud; test_aliyun_deploy.py asks its tool and its SDK"
    ),
    r"sam deploy": "test_aws_guided.py types what the page says, up to the call that needs an account",
    r"aws iam|aws lambda|curl -o .*aws lambda|sleep": "AWS's; test_aws_template.py reads its templates",
    r"gh attestation|sha256sum": "a release, which only GitHub makes; test_supply_chain.py reads how",
    r"cd build/cloudflare|uv run pywrangler|npx wrangler": "Cloudflare's cloud; test_workers_deploy.py runs it dry",
    r"cd build/vercel|npx vercel (link|env|deploy|rollback)": "Vercel's cloud; test_vercel_deploy.py builds for it",
    r"az (login|group|storage|functionapp)\b": "Azure's cloud; test_azure_deploy.py holds them to what is deployed",
    r"gcloud builds submit": "Google's cloud; test_container.py runs the Dockerfile's steps",
    r"cd build/edgeone|cd \.\./\.\.|npx edgeone ": "EdgeOne's cloud; test_edgeone_build.py runs its tool",
    r"docker |podman ": "needs an engine; test_container.py runs the same steps without",
    r"curl .*https://": "an address that only a deployer has",
    r"git (pull|checkout v0\.[12]\.0|switch -)$": "a deployer's own checkout",
    r"(claude|codex|gemini|aider)\b": "a coding agent; its settings are read below",
    r"export \w+=": "a setting; test_config.py loads those of configuration.md, and below those of other pages",
    r"ACCESS=|echo \"ADMIN_KEY=|echo \$PROXY_KEY|mkdir -p build|#": "a setting, or words",
}
RUN = {
    r"curl -N http://127\.0\.0\.1:9000/v1/chat/completions ": "test_a_readme_s_curl_line_streams_an_answer",
    r"curl http://127\.0\.0\.1:9000/v1/chat/completions/input_tokens ": "test_the_lines_about_tokens_count",
    r"python -m proxy tokens |echo .* \| python -m proxy tokens ": "test_the_lines_about_tokens_count",
    r"python -m proxy keys ": "test_the_lines_about_keys_make_one, tests/cli/test_keys_document.py",
    r"(SLUICE_KEY=\S+ )?python -m proxy doctor": "tests/cli/test_doctor_url.py, tests/cli/test_doctor_local.py",
    r"python -m proxy init": "tests/cli/test_init_pty.py, tests/cli/test_init_flags.py",
    r"python -m proxy (serve|bundle)": "tests/cli/test_serve.py, tests/cli/test_bundle.py",
    r"python -m proxy usage ": "tests/cli/test_usage_document.py",
    r"((printf|openssl) .* \| )?gcloud |sed .* cloudrun/service.yaml ": "tests/deploy/test_cloudrun_deploy.py",
    r"python -m proxy limits": "tests/platforms/test_limits.py",
}


def lines(document: Path) -> list[str]:
    text = "".join(re.findall(r"^```sh\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def shell(script: str, **environ: str) -> str:
    """What a script prints, with `python` being the one that runs the tests."""
    script = re.sub(r"\bpython\b", f'"{sys.executable}"', script)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def test_every_command_in_a_document_is_run_or_has_its_reason() -> None:
    found = [(document.name, line) for document in DOCUMENTS for line in lines(document)]
    assert len(found) > 60
    for tests in RUN.values():
        for test in tests.split(", "):
            assert (ROOT / test).exists() if "/" in test else test in globals(), test
    for name, line in found:
        assert any(re.match(pattern, line) for pattern in (*NOT_RUN, *RUN)), f"{name}: {line}"


def test_the_lines_about_keys_make_one() -> None:
    secret, mint, inspect, *_ = lines(ROOT / "docs" / "keys.md")
    printed = shell(f"{secret}\nkey=$({mint})\n{inspect.replace('sk-sluice-…', '$key')}")
    assert "name     alice" in printed and "models   gpt-5.4*, deepseek-*" in printed and "refused" not in printed


def test_the_lines_about_tokens_count(serve: Serve) -> None:
    curl, *commands = lines(ROOT / "docs" / "tokens.md")
    told = json.loads(shell(curl.replace(ADDRESS, serve(DEMO="1").url), KEY="any-text"))
    shown = json.loads("".join(blocks("docs/tokens.md", "json")))
    assert set(told) == set(shown) and told["input_tokens"] == shown["input_tokens"]
    for command in commands:
        assert re.search(r"^total +[\d,]+ +0\.0\d+$", shell(command), re.MULTILINE), command


def test_the_settings_on_other_pages_are_valid() -> None:
    for name in ("upstreams.md", "moderation.md"):  # their Chinese pages have the same blocks
        text = made("\n".join(lines(ROOT / "docs" / name)))
        found = re.findall(r"^export (\w+)=(?:'([^']*)'|(\S*))$", text, re.MULTILINE)
        given = {one: quoted or plain for one, quoted, plain in found}
        assert given
        startup.load(given)


def test_both_readmes_tell_the_same() -> None:
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)
    for language in ("sh", "python"):
        ours, theirs = (blocks(name, language) for name in READMES)
        bare = [[re.sub(r" *#.*|Hello|你好", "", block) for block in one] for one in (ours, theirs)]
        assert bare[0] == bare[1]
    assert english.count("\n## ") == chinese.count("\n## ")
    rows = [re.findall(r"^\|.*?\|", text, re.MULTILINE) for text in (english, chinese)]
    assert len(rows[0]) == len(rows[1])
    names = [set(re.findall(r"`([A-Z]+_[A-Z_]+)", text)) for text in (english, chinese)]
    assert names[0] == names[1]


@pytest.mark.parametrize("name", READMES)
def test_the_index_has_every_document(name: str) -> None:
    index = (ROOT / "docs" / name).read_text(encoding="utf-8")
    for document in (ROOT / "docs").glob("*.md"):
        assert document.name in READMES or f"({document.name})" in index, document.name


@pytest.mark.parametrize("name", READMES)
def test_a_readme_s_curl_line_streams_an_answer(name: str, serve: Serve) -> None:
    (line,) = [block for block in blocks(name, "sh") if block.startswith("curl")]
    line = line.replace(ADDRESS, serve(DEMO="1").url)
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith('data: {"id":"chatcmpl-demo"') and done.stdout.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("name", ["docs/clients.md", "docs/clients.zh-CN.md"])
def test_the_snippet_of_python_prints_an_answer(name: str, serve: Serve) -> None:
    (snippet,) = blocks(name, "python")
    code = snippet.replace(ADDRESS, serve(DEMO="1").url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert done.stdout.decode().startswith("你好！我是 Sluice")


def test_every_make_target_is_one_call_of_dev_py() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^([a-z ]+):\n\t@\$\(PYTHON\) dev\.py \$@$", makefile, re.MULTILINE)
    assert targets
    commands = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for target in targets[1].split():
        assert f"| `make {target}` | `python dev.py {target}` |" in commands
        done = subprocess.run([sys.executable, "dev.py"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and target in done.stdout


@pytest.mark.parametrize("language", clients.LANGUAGES)
@pytest.mark.parametrize("page", [clients.APPS, clients.AGENTS])
def test_a_document_says_what_the_console_s_table_says(page: str, language: str) -> None:
    written = clients.document(page, language).read_text(encoding="utf-8")
    assert written == clients.filled(written, page, language), "the table has changed: run `python -m tools.clients`"
    marks = re.findall(r"<!-- ([a-z-]+) -->", written)
    snippets = [agent["id"] for agent in AGENTS if "code" in agent]
    wanted = {clients.APPS: ["settings", "notes", "pings"], clients.AGENTS: ["settings", *snippets]}[page]
    assert marks == [mark for one in wanted for mark in (one, "end")]


@pytest.mark.parametrize("page", [clients.APPS, clients.AGENTS])
def test_both_languages_have_the_same_sections_and_names(page: str) -> None:
    texts = [clients.document(page, language).read_text(encoding="utf-8") for language in clients.LANGUAGES]
    assert len({text.count("\n#") for text in texts}) == 1
    assert len({text.count("\n- ") for text in texts}) == 1
    names = [set(re.findall(r"`([A-Z]+_[A-Z_]+)", text)) for text in texts]
    assert names[0] == names[1]


def test_every_app_in_the_table_says_what_the_page_needs() -> None:
    table = clients.table()
    assert len({one["id"] for one in table}) == len(table) == 22
    for one in table:
        assert one["group"] in (("agents",) if "api" in one else ("agents", "apps", "code")), one["id"]
        assert one["v1"] in ("with", "without", "either", "full") and bool(one["fields"]) != ("code" in one), one["id"]
        assert date(2026, 11, 1) <= date.fromisoformat(one["read"]) and one["source"] and one["pings"], one["id"]
        more = one.get("more", {"en": "-", "zh": "-", "code": ""})
        shown = [one.get("code", ""), more["code"], *(field["value"] for field in one["fields"])]
        wanted = {"with": "{v1}", "without": "{base}", "either": "{base}", "full": "{v1}/chat/completions"}[one["v1"]]
        assert any(wanted in text for text in shown) and any("{key}" in text for text in shown), one["id"]
        for field in [one["where"], one["note"], one["pings"], more, *one["fields"]]:
            assert field["en"] and field["zh"], one["id"]


def test_the_table_s_own_python_runs(serve: Serve) -> None:
    (code,) = [one["code"] for one in clients.table() if one["id"] == "openai-python"]
    url = serve(DEMO="1").url
    for place, value in {"{v1}": f"{url}/v1", "{key}": "any", "{model}": "demo"}.items():
        code = code.replace(place, value)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert done.stdout.decode().startswith("Hello! I am the demo model")


def test_the_table_s_own_curl_runs(serve: Serve) -> None:
    (code,) = [one["code"] for one in clients.table() if one["id"] == "curl"]
    url = serve(DEMO="1").url
    for place, value in {"{v1}": f"{url}/v1", "{key}": "any", "{model}": "demo"}.items():
        code = code.replace(place, value)
    done = subprocess.run(code, shell=True, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("data: [DONE]\n\n")


def test_the_agents_settings_can_be_read() -> None:
    codes = {
        one["id"]: [clients.code(one["code"]), clients.code(one.get("more", {}).get("code", ""))]
        for one in AGENTS
        if "code" in one
    }
    (provider,) = json.loads(codes["opencode"][0])["provider"].values()
    assert provider["options"] == {"baseURL": "https://llm.example.com/v1", "apiKey": "YOUR-KEY"}
    settings = tomllib.loads(codes["codex"][0])
    assert settings["model_providers"][settings["model_provider"]]["base_url"] == "https://llm.example.com/v1"
    assert json.loads(codes["gemini-cli"].pop()) == {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    settings = json.loads(codes["qwen-code"][0])
    (model,) = settings["modelProviders"][settings["security"]["auth"]["selectedType"]]
    assert model["baseUrl"] == "https://llm.example.com/v1" and settings["env"][model["envKey"]] == "YOUR-KEY"
    assert model["id"] == settings["model"]["name"]
    (provider,) = json.loads(codes["crush"][0])["providers"].values()
    assert (provider["base_url"], provider["api_key"]) == ("https://llm.example.com/v1", "YOUR-KEY")
    (model,) = yaml.safe_load(codes["continue"][0])["models"]
    assert (model["provider"], model["apiBase"], model["apiKey"]) == (
        "openai",
        "https://llm.example.com/v1",
        "YOUR-KEY",
    )
    for name in ("claude-code", "gemini-cli", "aider"):
        lines = "\n".join(codes[name]).splitlines()
        assert all(re.fullmatch(r"export \w+=[^ ]+|(claude|gemini|aider)( .*)?", line) for line in lines if line), name
        assert any(re.search(r"_(BASE_URL|API_BASE)=https://llm\.example\.com(/v1)?$", line) for line in lines)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.findall(r"^([a-z0-9._-]+)==\S+.*?(?=^[a-z]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert {"httpx", "tiktoken", "mangum"} <= set(entries)
    assert len(entries) == len(re.findall(r"^[a-z]", text, re.MULTILINE))
    assert "http:" not in text and "https:" not in text


def test_the_functions_requirements_install_from_their_hashes(tmp_path: Path) -> None:
    arguments = ["install", "--quiet", "--require-hashes", "--no-deps", "--target", str(tmp_path)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "-r", "requirements.txt"]
    subprocess.run(pip, cwd=ROOT, check=True, timeout=300, capture_output=True)
    code = "import httpx, tiktoken, mangum; print(httpx.__file__)"
    environ = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert str(tmp_path) in done.stdout
