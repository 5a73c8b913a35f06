"""`python -m proxy bundle` at work: what it can leave out, and what it says when it cannot build."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.__main__ import main
from proxy.cli.bundle import archive, packages, sources
from proxy.cli.bundle.bytecode import compile_all, find_python
from proxy.cli.bundle.command import build_bundle
from proxy.cli.bundle.sources import ROOT, add_sources
from proxy.errors import ConfigError
from proxy.platforms.registry import BUNDLES
from tests.support import parts
from tests.support.bundles import COUNTING


def test_a_bundle_can_be_made_without_counting(tmp_path: Path) -> None:
    assert main(["bundle", "scf-event", "--no-tokens", "--output", str(tmp_path)]) == 0
    folder = tmp_path / "scf-event"
    assert not (folder / "tiktoken").exists() and not list(folder.rglob("*.tiktoken.gz"))
    assert (folder / "proxy" / "data" / "prices.json").exists()
    python = parts.need_python("3.10")
    code = COUNTING.replace("count = ", "print(tokens.installed()); count = ")
    command = [python, "-S", "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert done.stdout == "False\n" and "NotInstalled: " in done.stderr


def test_a_bundle_that_is_too_large_names_its_largest_file(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    (tmp_path / "large.bin").write_bytes(b"x" * 2_000_000)
    tight = dataclasses.replace(BUNDLES["scf-web"], limit=1_000_000)
    with pytest.raises(ConfigError, match=r"2 MB unpacked .* takes 1 MB.* large\.bin with 2\.0 MB"):
        archive.check_size(tight, tmp_path)
    archive.check_size(BUNDLES["scf-web"], tmp_path)
    with pytest.raises(ConfigError, match=r"large\.bin has 2 MB and the platform takes 1 MB"):
        archive.check_zip(dataclasses.replace(tight, zip_limit=1_000_000), tmp_path / "large.bin")
    archive.check_zip(tight, tmp_path / "large.bin")


def test_a_package_that_is_not_locked_is_told() -> None:
    with pytest.raises(ConfigError, match="has no nothing"):
        packages.subset("httpx==1 \\\n    --hash=sha256:00\n", ("httpx", "nothing"))
    assert (
        packages.subset("# c\nh11==1 \\\n    --hash=x\nhttpx==2 ; y \\\n    --hash=z\n", ("httpx",))
        == "httpx==2 ; y \\\n    --hash=z\n"
    )


def test_what_cannot_be_installed_or_compiled_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = dataclasses.replace(BUNDLES["scf-event"], wheels="no-such-platform")
    monkeypatch.setitem(BUNDLES, "scf-event", wrong)
    assert build_bundle("scf-event", str(tmp_path)) == 1
    assert "The packages could not be installed" in capsys.readouterr().err
    (tmp_path / "broken.py").write_text("def")
    current = dataclasses.replace(wrong, python=f"{sys.version_info[0]}.{sys.version_info[1]}")
    with pytest.raises(ConfigError, match=r"Compiling failed: [\s\S]*broken\.py"):
        compile_all(current, tmp_path)


def test_a_company_s_certificate_authority_is_named_as_a_reason() -> None:
    failure = "client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer"
    assert packages.explained(failure).endswith("set SSL_CERT_FILE to its file.")
    assert packages.explained("no such package") == "no such package"


def test_without_the_platform_s_python_it_goes_uncompiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    compile_all(dataclasses.replace(BUNDLES["scf-web"], python="3.1"), tmp_path)
    assert not list(tmp_path.rglob("*.pyc"))
    assert "Python 3.1 is not on this machine" in capsys.readouterr().out


def test_without_uv_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="pip install uv"):
        packages._uv()


def test_a_stand_in_that_is_no_such_python_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "python3.9"
    fake.write_text("#!/bin/sh\necho not here; exit 127\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python("3.9") is None


def test_the_owner_s_own_file_goes_along_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name in ("proxy", "handler.py", "LICENSE"):
        (root / name).symlink_to(ROOT / name)
    (root / "sluice.toml").write_text('proxy_key = "pk"')
    monkeypatch.setattr(sources, "ROOT", root)
    folder = tmp_path / "scf-event"
    folder.mkdir()
    add_sources(dataclasses.replace(BUNDLES["scf-event"], packages=()), folder)
    assert (folder / "sluice.toml").read_text() == 'proxy_key = "pk"'
    assert "keys that stand in it are in the zip too" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["bundle", "scf-event", "--output", str(tmp_path / "file")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"sluice: cannot write {tmp_path / 'file' / 'scf-event'}: ") and error.count("\n") == 1
    assert "--output FOLDER" in error


def test_an_installed_package_says_that_a_bundle_needs_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("proxy.cli.bundle.command.ROOT", tmp_path)
    assert main(["bundle", "aws", "--output", str(tmp_path / "build")]) == 1
    assert "checkout of the repository" in capsys.readouterr().err and not (tmp_path / "build").exists()
