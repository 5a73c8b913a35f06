"""Aliyun's Function Compute, as far as it can be had here: what it adds to requests, and how it starts a bundle."""

from __future__ import annotations

import contextlib
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.support import parts
from tests.support.bundles import Bundles
from tests.support.case import Ask
from tests.support.process import free_port, process

# The headers of a real request, as a public dump of one has them (February 2025), with values where that has none.
ADDED = (
    ("X-Fc-Access-Key-Id", "canary-id"),
    ("X-Fc-Access-Key-Secret", "canary-secret"),
    ("X-Fc-Security-Token", "canary-token"),
    ("X-Fc-Account-Id", "canary-account"),
    ("X-Fc-Base-Path", "/"),
    ("X-Fc-Client-Ip", "192.0.2.7"),
    ("X-Fc-Control-Path", "/http-invoke"),
    ("X-Fc-Function-Handler", "index.handler"),
    ("X-Fc-Function-Memory", "256"),
    ("X-Fc-Function-Name", "sluice"),
    ("X-Fc-Function-Timeout", "300"),
    ("X-Fc-Qualifier", "LATEST"),
    ("X-Fc-Region", "ap-northeast-1"),
    ("X-Fc-Request-Id", "1-67adb489-15d49184-2d4fa002fa2b"),
)


def passed_on(ask: Ask) -> Ask:
    """The call as it arrives at the function."""
    return replace(ask, headers=(*ask.headers, *ADDED))


# The first of the two places that the bootstrap looks for.
INTERPRETER = "/var/fc/lang/python3.12/bin/python3.12"


def unpacked(bundles: Bundles, target: Path) -> Path:
    """The zip as the platform unpacks it, with a stand-in for the platform's interpreter.

    That is Python 3.12 of this machine. It binds to this machine only, in place of the platform's 0.0.0.0.
    """
    python = parts.need_python("3.12")
    with zipfile.ZipFile(bundles("aliyun") / "sluice-aliyun.zip") as archive:
        archive.extractall(target)
    local = "from proxy.adapters import aliyun_fc as f; f.HOST = '127.0.0.1'; f.main()"
    stand_in = target / "python3.12"
    stand_in.write_text(
        f'#!/bin/bash\n[ "$*" = "-u -m proxy.adapters.aliyun_fc" ] || exit 9\nexec {python} -u -c "{local}"\n'
    )
    stand_in.chmod(0o755)
    bootstrap = target / "aliyun_bootstrap"
    bootstrap.write_text(bootstrap.read_text().replace(INTERPRETER, str(stand_in)))
    return target


@contextlib.contextmanager
def started(folder: Path, **environ: str) -> Iterator[int]:
    """The port of an unpacked bundle that runs as s.yaml starts it, in the code's folder and on the function's port."""
    port = free_port()
    platform = {"FC_CUSTOM_LISTEN_PORT": str(port), "FC_REGION": "ap-northeast-1", "PATH": "/bin:/usr/bin"}
    command = ["/bin/bash", str(folder / "aliyun_bootstrap")]
    with process(command, port, env={**platform, **environ}, cwd=folder):
        yield port


def missing_python(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the bootstrap does where the platform has no Python 3.12 in either place."""
    (folder / "python3.12").unlink()
    command = ["/bin/bash", str(folder / "aliyun_bootstrap")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/bin"})
