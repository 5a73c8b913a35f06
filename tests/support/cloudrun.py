"""Google Cloud Run, as far as it can be had here: what it adds to requests, how it starts a bundle, and gcloud."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import parts
from tests.support.bundles import Bundles
from tests.support.case import Ask
from tests.support.process import free_port, process
from tests.support.upstream import Received, Script, running, whole

# What a request has when it arrives at a service, as public dumps show it (2020 to 2025).
ADDED = (
    ("X-Cloud-Trace-Context", "105445aa7843bc8bf206b12000100000/1;o=1"),
    ("Traceparent", "00-105445aa7843bc8bf206b12000100000-0000000000000001-01"),
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("Forwarded", 'for="192.0.2.7";proto=https'),
    ("X-Serverless-Authorization", "Bearer canary-identity"),
)
# What the platform sets, by the container contract, and the time-out, which public code finds there too.
VARIABLES = {"K_SERVICE": "sluice", "K_REVISION": "sluice-00001-abc", "K_CONFIGURATION": "sluice"}


def passed_on(ask: Ask) -> Ask:
    """The call as it arrives at the service."""
    return replace(ask, headers=(*ask.headers, *ADDED))


def unpacked(bundles: Bundles, target: Path) -> Path:
    """The zip as the buildpacks lay it out in /workspace."""
    with zipfile.ZipFile(bundles("cloudrun") / "sluice-cloudrun.zip") as archive:
        archive.extractall(target)
    return target


def command(folder: Path) -> list[str]:
    """What the Procfile says, with a Python of the version that the bundle asks for.

    It binds to this machine only, in place of the platform's 0.0.0.0, and ends without waiting.
    """
    kind, _, words = (folder / "Procfile").read_text().strip().partition(": ")
    assert (kind, words) == ("web", "python main.py")
    python = parts.need_python((folder / ".python-version").read_text().strip())
    code = "from proxy.adapters import cloudrun as c; c.HOST = '127.0.0.1'; c.GRACE_SECONDS = 0; import runpy; "
    return [python, "-u", "-c", f"{code}runpy.run_path('main.py', run_name='__main__')"]


@contextlib.contextmanager
def started(folder: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process of an unpacked bundle, and its port, which the platform names."""
    port = free_port()
    clean = {"PATH": os.environ["PATH"], "PORT": str(port), **VARIABLES}
    with process(command(folder), port, env={**clean, **environ}, cwd=folder) as one:
        yield one, port


# What Google answers to gcloud's calls, by a part of their addresses; the first that fits counts. What is missing here
# does not exist yet when it is asked for, and is accepted as it is when it is made.
DONE = {"name": "projects/made-up/locations/us-central1/operations/1", "done": True, "response": {}}
READY = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "sluice", "namespace": "made-up", "generation": 1},
    "spec": {
        "template": {"spec": {"containers": [{"image": "made-up"}]}},
        "traffic": [{"latestRevision": True, "percent": 100}],
    },
    "status": {
        "conditions": [{"type": name, "status": "True"} for name in ("Ready", "ConfigurationsReady", "RoutesReady")],
        "latestReadyRevisionName": "sluice-00001-abc",
        "observedGeneration": 1,
        "traffic": [{"revisionName": "sluice-00001-abc", "percent": 100}],
        "url": "https://sluice-123456789012.us-central1.run.app",
    },
}
ANSWERS: dict[str, Any] = {
    "/services/run.googleapis.com": {"state": "ENABLED"},
    ":batchEnable": {**DONE, "name": "operations/1"},
    ":getIamPolicy": {},
    ":setIamPolicy": {},
    ":access": {"payload": {"data": "cGstMDEyMzQ1Njc4OWFiY2RlZg=="}},
    "/repositories": DONE,
    "/operations": DONE,
    "/revisions": {"items": [], "metadata": {}},
    ":addVersion": {"name": "projects/made-up/secrets/made-up/versions/1"},
}


class Gcloud:
    """Google's own command line tool, whose calls go to a server here in place of Google's.

    `calls` are those that changed something: method, path and body. The service exists once it has been made.
    """

    def __init__(self, folder: Path) -> None:
        found = shutil.which("gcloud")
        if found is None:  # not `parts.need`: no registry that `.ci/run` may use has it
            pytest.skip("gcloud is not on this machine, and neither PyPI nor npm nor Debian has it")
        self.program = found
        self.calls: list[tuple[str, str, Any]] = []
        self._deployed = False
        self._folder = folder

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as somebody with an account would, as far as gcloud can tell. `given` is its standard input."""
        token = self._folder / "token"
        token.write_text("made-up")
        apis = ("ARTIFACTREGISTRY", "CLOUDRESOURCEMANAGER", "IAM", "RUN", "SECRETMANAGER", "SERVICEUSAGE")
        with running() as google:
            google.choose = self._answer
            environ = {
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "CLOUDSDK_CONFIG": str(self._folder / "config"),
                "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
                "CLOUDSDK_CORE_PROJECT": "made-up",
                "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
                "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
                # It puts the region before the host's name, so only a proxy can be the one to answer.
                **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"http://{api.lower()}.test/" for api in apis},
                "http_proxy": f"http://127.0.0.1:{google.port}",
                "https_proxy": "http://127.0.0.1:9",  # nothing leaves this machine
            }
            return subprocess.run(
                [self.program, *arguments],
                env=environ,
                input=given,
                stdin=subprocess.DEVNULL if given is None else None,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

    def _answer(self, call: Received) -> Script:
        if call.method != "GET":
            self.calls.append((call.method, call.target, json.loads(call.body)))
            self._deployed = self._deployed or "/namespaces/made-up/services" in call.target
        for part, answer in ANSWERS.items():
            if part in call.target:
                return whole(json.dumps(answer).encode())
        if self._deployed and call.method == "GET" and "/services/sluice" in call.target:
            return whole(json.dumps(READY).encode())
        if call.method == "GET":
            return whole(b'{"error": {"code": 404, "status": "NOT_FOUND", "message": "It is new."}}', 404)
        return whole(call.body)
