"""dev.py makes the environment, and makes it anew when it was interrupted or its Python is gone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dev
from tests.support.paths import ROOT

pytestmark = [
    pytest.mark.any_python("a second run is itself begun by dev.py on the other Python"),
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send"),
]
# What a shell runs in the background ignores Ctrl-C, and hands that on.
_HEEDING_CTRL_C = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, 'dev.py', 'setup'])"
)
PATIENCE = 120.0  # seconds that an environment may take to be made on a busy machine


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of nothing but dev.py and what it imports; its environment needs no packages."""
    for name in ("dev.py", "proxy/__init__.py", "proxy/cli/__init__.py", "proxy/cli/child.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "requirements-dev.txt").write_text("")
    return tmp_path


def start(project: Path, **environ: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("VENV", "PYTHONPATH")}
    return subprocess.Popen(
        [sys.executable, "-c", _HEEDING_CTRL_C],
        cwd=project,
        env={**inherited, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def setup(project: Path, **environ: str) -> tuple[int, str]:
    """The exit code of `dev.py setup` and what it printed."""
    process = start(project, **environ)
    printed, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, printed


def works(project: Path) -> bool:
    command = [str(project / ".venv" / "bin" / "python"), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE).returncode == 0


def interrupt(process: subprocess.Popen[str]) -> str:
    """Ctrl-C, which goes to every process of the terminal; what was printed until the end."""
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=PATIENCE)
    return printed


def test_a_set_up_that_is_stopped_while_the_environment_is_made_begins_anew(project: Path) -> None:
    process = start(project)
    until = time.monotonic() + PATIENCE
    while not (project / ".venv" / "pyvenv.cfg").exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.001)
    printed = interrupt(process)
    assert process.returncode == 130 and printed.endswith("Stopped.\n") and "Traceback" not in printed, printed
    code, printed = setup(project)
    assert code == 0 and "Creating .venv" in printed and works(project), printed
    assert setup(project) == (0, "")


def test_a_set_up_that_is_stopped_while_packages_are_installed_begins_anew(project: Path) -> None:
    """The old list's mark must not speak for packages that are half exchanged."""
    assert setup(project)[0] == 0
    (project / ".venv" / "left-over").touch()
    wanted = project / "requirements-dev.txt"
    wanted.write_text("nothing-at-all==1 --hash=sha256:" + "0" * 64 + "\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = start(project, PIP_INDEX_URL=index, PIP_CONFIG_FILE=os.devnull, NO_PROXY="*")
        connection, _ = silent.accept()  # pip is waiting for an answer now
        with connection:
            printed = interrupt(process)
    assert process.returncode != 0 and "Traceback" not in printed, printed
    wanted.write_text("")
    code, printed = setup(project)
    assert code == 0 and "Creating .venv" in printed and works(project), printed
    assert not (project / ".venv" / "left-over").exists()


@pytest.mark.parametrize("harm", ["python gone", "pip gone"])
def test_an_environment_that_cannot_install_is_made_anew(project: Path, harm: str) -> None:
    assert setup(project)[0] == 0
    python = project / ".venv" / "bin" / "python"
    if harm == "python gone":
        python.unlink()
        python.symlink_to(project / "no-such-python")
    else:  # as an older dev.py left it, when it was interrupted
        shutil.rmtree(next((project / ".venv").glob("lib/python*/site-packages/pip")))
        (project / ".venv" / "requirements-dev.txt.installed").unlink()
    code, printed = setup(project)
    assert code == 0 and "Creating .venv" in printed and works(project), printed


def test_a_folder_that_is_no_environment_is_left_alone(project: Path) -> None:
    (project / "mine").mkdir()
    (project / "mine" / "thesis.txt").write_text("years of work")
    code, printed = setup(project, VENV="mine")
    assert code == 1 and "Set VENV to another folder" in printed and "Traceback" not in printed
    assert (project / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_folder_that_nobody_may_write_to_is_named_with_the_way_out(project: Path) -> None:
    """A file in the folder's place refuses everybody; a checkout without write permission does not refuse root."""
    code, printed = setup(project, VENV="dev.py/inside")
    assert code == 1 and "Traceback" not in printed and printed.count("\n") == 1, printed
    assert (
        printed.startswith(f"Cannot write to {project / 'dev.py' / 'inside'}: ") and "Set VENV to a folder" in printed
    )


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"all_proxy": "socks5://127.0.0.1:1"}, "all_proxy"),
        ({"ALL_PROXY": "SOCKS5H://127.0.0.1:1", "https_proxy": ""}, "ALL_PROXY"),
        ({"HTTPS_PROXY": "socks4://127.0.0.1:1", "all_proxy": "http://127.0.0.1:1"}, "HTTPS_PROXY"),
        ({"all_proxy": "socks5://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}, None),
        ({"all_proxy": "http://127.0.0.1:1"}, None),
        ({}, None),
    ],
)
def test_a_socks_proxy_is_only_named_if_pip_would_use_it(environ: dict[str, str], named: str | None) -> None:
    assert dev.socks_variable(environ) == named


def test_a_socks_proxy_that_pip_cannot_use_is_named_with_the_ways_out(project: Path) -> None:
    (project / "requirements-dev.txt").write_text("nothing-at-all==1 --hash=sha256:" + "0" * 64 + "\n")
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"), "")
    pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "https://127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    code, printed = setup(project, **proxies, **pip, all_proxy="socks5://127.0.0.1:1", NO_PROXY="", no_proxy="")
    assert code == 1 and "pip cannot use the SOCKS proxy that all_proxy names. Run `unset all_proxy`" in printed, (
        printed
    )
