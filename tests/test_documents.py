"""The commands in the documents are run, and what they promise is looked at."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.conftest import Serve
from tools import clients

ROOT = Path(__file__).parent.parent
ADDRESS = "http://127.0.0.1:9000"


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_readme_s_curl_line_streams_an_answer(serve: Serve) -> None:
    (line,) = [block for block in blocks("README.md", "sh") if block.startswith("curl")]
    line = line.replace(ADDRESS, serve(DEMO="1").url)
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith('data: {"id":"chatcmpl-demo"') and done.stdout.endswith("data: [DONE]\n\n")


def test_the_readme_s_snippet_prints_an_answer(serve: Serve) -> None:
    (snippet,) = blocks("README.md", "python")
    code = snippet.replace(ADDRESS, serve(DEMO="1").url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert done.stdout.decode().startswith("你好!我是 Sluice")


def test_every_make_target_is_one_call_of_dev_py() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^([a-z ]+):\n\t@\$\(PYTHON\) dev\.py \$@$", makefile, re.MULTILINE)
    assert targets
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in targets[1].split():
        assert f"| `make {target}` | `python dev.py {target}` |" in readme
        done = subprocess.run([sys.executable, "dev.py"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and target in done.stdout


def test_every_linked_file_is_there() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            if not link.endswith("/releases/latest"):  # the hosting site's own page
                assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_apps_document_says_what_the_console_s_table_says() -> None:
    written = clients.DOCUMENT.read_text(encoding="utf-8")
    assert written == clients.document(), "the table has changed: `python -m tools.clients` writes the document anew"


def test_every_app_in_the_table_says_what_the_page_needs() -> None:
    table = clients.table()
    assert len({one["id"] for one in table}) == len(table) == 12
    for one in table:
        assert one["v1"] in ("with", "without", "either", "full") and bool(one["fields"]) != ("code" in one), one["id"]
        assert date(2026, 11, 1) <= date.fromisoformat(one["read"]) and one["source"] and one["pings"], one["id"]
        shown = [one.get("code", ""), *(field["value"] for field in one["fields"])]
        wanted = {"with": "{v1}", "without": "{base}", "either": "{base}", "full": "{v1}/chat/completions"}[one["v1"]]
        assert any(wanted in text for text in shown) and any("{key}" in text for text in shown), one["id"]
        for field in [one["where"], one["note"], *one["fields"]]:
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
