"""The wheel is built without complaints, and runs from an environment that has nothing but what it asks for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proxy import __version__
from tests.support.client import call
from tests.support.paths import ROOT
from tests.support.process import port_of, served

pytestmark = pytest.mark.any_python("uv builds the wheel and brings the Python that runs it")
UV = Path(sys.executable).parent / ("uv.exe" if os.name == "nt" else "uv")


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # or it warns
    return subprocess.run(
        [UV, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the project: a build leaves files behind."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "README.md", "LICENSE", "handler.py"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "proxy", folder / "proxy", ignore=shutil.ignore_patterns("__pycache__"))
    built = run("build", "--wheel", "--out-dir", folder / "dist", folder=folder)
    assert built.returncode == 0, built.stderr
    assert not re.search(r"(?i)warning\b[: ]|deprecat", built.stdout + built.stderr), built.stderr
    (made,) = (folder / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `sluice` in an environment of its own, as pipx and `uv tool` make one."""
    folder = tmp_path_factory.mktemp("installed")
    assert run("venv", "--python", sys.executable, folder / "venv", folder=folder).returncode == 0
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    done = run("pip", "install", "--python", scripts / "python", wheel, folder=folder)
    assert done.returncode == 0, done.stderr
    return scripts / "sluice"


def told(program: Path, *arguments: str) -> tuple[int, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "PYTHON"))}
    done = subprocess.run(
        [program, *arguments], cwd=program.parent, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_it_says_its_version_and_its_name(program: Path) -> None:
    assert told(program, "--version") == (0, f"Sluice {__version__}\n")
    assert told(program, "--help")[1].startswith("usage: sluice ")


def test_what_needs_a_checkout_says_so(program: Path) -> None:
    code, text = told(program, "bundle", "scf-web")
    assert code == 1 and "checkout of the repository" in text and "Traceback" not in text


def test_it_serves_the_demo_the_page_and_the_documents(program: Path) -> None:
    with served("--demo", folder=program.parent, program=[str(program)]) as (_, printed):
        port = port_of(printed)
        asked = b'{"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}'
        head = (("Content-Type", "application/json"), ("Authorization", "Bearer any-text"))
        assert call(port, "POST", "/v1/chat/completions", head, asked).status == 200
        for path, shown in (("/", b"/v1</code>"), ("/help", b"proxy_not_protected"), ("/llms-full.txt", b"# Sluice")):
            answer = call(port, "GET", path)
            assert answer.status == 200 and shown in answer.body, path


def test_no_page_installs_the_project_of_the_same_name() -> None:
    """`sluice` on PyPI is another project."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "proxy").rglob("*.py")]
    other = re.compile(r"(?:pip|pipx|uv)(?: tool)? (?:install|add)\b[^\n]*['\" ]sluice\b|uvx sluice\b")
    assert all(other.search(f"{line} sluice") for line in ("pip install", "pipx install", "uv tool install -U", "uvx"))
    assert not other.search('pip install "git+https://github.com/OWNER/sluice"')
    assert [path.name for path in pages if other.search(path.read_text(encoding="utf-8"))] == []
