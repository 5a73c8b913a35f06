"""`python -m proxy` from a terminal where the project's environment is not active."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy import __main__ as command
from proxy import __version__
from proxy.cli.bundle.bytecode import find_python
from tests.support.paths import ROOT

MINT = ["-m", "proxy", "keys", "mint", "--name", "alice"]
SECRET = {"SIGNING_SECRET": "s" * 32}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any packages, like a system Python."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(python: Path, arguments: Sequence[str] = MINT, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("VENV", "PYTHONPATH")}
    environ = {**inherited, **SECRET, **environ}
    return subprocess.run(
        [str(python), *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_python_without_packages_hands_over_to_the_project_s_environment(bare: Path) -> None:
    done = run(bare, VENV=sys.prefix)
    assert done.returncode == 0 and done.stdout.startswith("sk-sluice-"), done.stderr


def test_without_that_environment_the_command_says_what_is_missing(bare: Path, tmp_path: Path) -> None:
    done = run(bare, VENV=str(tmp_path))
    assert done.returncode == 1 and "itsdangerous" in done.stderr and "Traceback" not in done.stderr


def test_counting_in_a_fresh_clone_says_what_to_run(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "text.md").write_text("some text")
    done = run(bare, ["-m", "proxy", "tokens", str(tmp_path / "text.md")], VENV=str(tmp_path))
    assert done.returncode == 1 and "Run `make setup`" in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_python_that_has_the_packages_runs_the_command_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.environment() is None
    monkeypatch.setattr(sys, "argv", ["proxy", "limits", "--platform", "server"])
    assert command.start() == 0


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--version"])
    assert stopped.value.code == 0 and capsys.readouterr().out == f"Sluice {__version__}\n"


@pytest.mark.parametrize("arguments", [["-m", "proxy", "limits"], ["dev.py", "run"], ["-c", "import handler, proxy"]])
def test_an_older_python_is_told_so_in_one_sentence(arguments: list[str]) -> None:
    """Python 3.9 itself if this machine has it. Its name leads to it where several Pythons are installed."""
    old = find_python("3.9")
    if old is None:
        pytest.skip("this machine has no Python 3.9")
    done = subprocess.run([old, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("Sluice needs Python 3.10 or newer; this is 3.9.") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(("version", "stops"), [((3, 9, 18), True), ((3, 10, 0), False), ((3, 14, 0), False)])
def test_the_oldest_python_is_3_10(version: tuple[int, int, int], stops: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (ROOT / "proxy" / "__init__.py").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "version_info", version)
    code = compile(source, "proxy/__init__.py", "exec")
    if not stops:
        exec(code, {})
        return
    with pytest.raises(SystemExit, match=r"Sluice needs Python 3\.10 or newer"):
        exec(code, {})


def test_a_closed_pipe_is_not_an_error() -> None:
    script = f'"{sys.executable}" -m proxy limits | head -n 1 >/dev/null'
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""


def test_the_environment_does_not_hand_over_to_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    monkeypatch.setenv("VENV", sys.prefix)
    assert command.environment() is None
    other = tmp_path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    other.parent.mkdir()
    other.touch()
    monkeypatch.setenv("VENV", str(tmp_path))
    assert command.environment() == other
    monkeypatch.setattr(sys, "argv", ["proxy", "limits"])
    monkeypatch.setattr(
        "proxy.cli.child.run",
        lambda arguments: 7 if arguments[1:] == ["-m", "proxy", "limits"] else 0,
    )
    assert command.start() == 7
