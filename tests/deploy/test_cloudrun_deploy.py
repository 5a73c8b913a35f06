"""What gcloud makes of service.yaml and of the page's commands, what it would upload, and the image on Cloud Run."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from proxy import startup
from proxy.adapters import server
from proxy.adapters.cloudrun import CloudRunApp
from proxy.cli import container
from proxy.errors import ConfigError
from proxy.platforms.limits import number
from proxy.platforms.registry import BUNDLES
from proxy.settings.regions import warning
from tests.support.bundles import Bundles
from tests.support.cloudrun import Gcloud
from tests.support.documents import blocks
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("Google's tool brings its own Python, and the rest only reads files")
PAGES = ("docs/deploy-cloudrun.md", "docs/deploy-cloudrun.zh-CN.md")
VARIABLES = {"IMAGE": "made-up-image", "PROJECT": "made-up", "REGION": "us-central1"}
VALUES = {"OPENAI_API_KEY": "sk-x", "PROXY_KEY": "pk-0123456789abcdef"}


@pytest.fixture
def gcloud(tmp_path: Path) -> Gcloud:
    return Gcloud(tmp_path)


def service_file(folder: Path, old: str = "", new: str = "") -> Path:
    """service.yaml with its places filled in by the page's own line, and with one change."""
    (line,) = [one for one in "".join(blocks(PAGES[0], "sh")).splitlines() if one.startswith("sed ")]
    target = folder / "service.yaml"
    environ = {**VARIABLES, "PATH": os.environ["PATH"]}
    done = line.replace(">build/service.yaml", f">'{target}'")
    subprocess.run(["bash", "-euc", done], cwd=ROOT, env=environ, check=True, timeout=60)
    text = target.read_text(encoding="utf-8")
    assert old in text and "value: your-" not in text
    target.write_text(text.replace(old, new), encoding="utf-8")
    return target


def made(gcloud: Gcloud) -> dict[str, Any]:
    """The service that gcloud asked Google for."""
    ((method, target, body),) = gcloud.calls
    assert method == "POST" and urlsplit(target).path.endswith("/namespaces/made-up/services")
    found: dict[str, Any] = body
    return found


def environment(service: dict[str, Any], secrets: dict[str, str] = VALUES) -> dict[str, str]:
    """The variables of the service's only container, with the values of its secrets."""
    (one,) = service["spec"]["template"]["spec"]["containers"]
    given = {}
    for entry in one["env"]:
        secret = entry.get("valueFrom", {}).get("secretKeyRef")
        assert secret is None or (secret["name"], secret["key"]) == (entry["name"], "latest")
        given[entry["name"]] = secrets[entry["name"]] if secret else entry["value"]
    return given


def commands(page: str) -> list[list[str]]:
    """The words of each gcloud command of a page, with the variables that the page sets."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    for name, value in VARIABLES.items():
        text = text.replace(f"${name}", value)
    return [shlex.split(line[line.index("gcloud ") :]) for line in text.splitlines() if "gcloud " in line]


def test_gcloud_knows_every_name_in_the_file(gcloud: Gcloud, tmp_path: Path) -> None:
    arguments = ("run", "services", "replace", str(service_file(tmp_path)), "--region", "us-central1", "--async")
    done = gcloud.run(*arguments)
    assert done.returncode == 0, done.stderr
    service = made(gcloud)
    template = service["spec"]["template"]["spec"]
    assert service["metadata"]["annotations"]["run.googleapis.com/invoker-iam-disabled"] == "true"
    assert template["timeoutSeconds"] == number("cloudrun", "service", "longest time-out")
    assert template["containerConcurrency"] == number("cloudrun", "service", "calls at once in an instance")
    assert template["serviceAccountName"] == "sluice@made-up.iam.gserviceaccount.com"
    assert environment(service) == {"ACCESS": "proxy-key", "CLOUD_RUN_REGION": "us-central1", **VALUES}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("timeoutSeconds: 3600", "timeout: 3600"),
        ("secretKeyRef:", "secretRef:"),
        ("containerConcurrency: 80", "containerConcurrency: many"),
    ],
)
def test_a_name_or_a_type_that_gcloud_does_not_know_is_found(
    gcloud: Gcloud, tmp_path: Path, old: str, new: str
) -> None:
    path = service_file(tmp_path, old, new)
    done = gcloud.run("run", "services", "replace", str(path), "--region", "us-central1", "--async")
    assert done.returncode != 0 and gcloud.calls == []


@pytest.mark.parametrize("page", PAGES)
def test_the_page_s_command_makes_the_same_service_as_the_file(gcloud: Gcloud, tmp_path: Path, page: str) -> None:
    """All but the upload: that takes Google's storage and its builder, so an image stands for the source."""
    words = next(one for one in commands(page) if one[1:3] == ["run", "deploy"])
    done = gcloud.run(*from_image(words), "--async")
    assert done.returncode == 0, done.stderr
    ours, theirs = made(gcloud), yaml.safe_load(service_file(tmp_path).read_text(encoding="utf-8"))
    assert environment(ours) == environment(theirs)
    assert ours["metadata"]["annotations"]["run.googleapis.com/invoker-iam-disabled"] == "True"
    ours, theirs = (one["spec"]["template"] for one in (ours, theirs))
    for name in ("timeoutSeconds", "containerConcurrency"):
        assert ours["spec"][name] == theirs["spec"][name]
    account = theirs["spec"]["serviceAccountName"]
    assert ours["spec"]["serviceAccountName"] in (account, account.partition("@")[0]), "gcloud takes the name alone too"
    assert ours["spec"]["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    assert ours["metadata"]["annotations"]["autoscaling.knative.dev/maxScale"] == "3"


def from_image(words: list[str]) -> list[str]:
    """The command with an image in place of the source."""
    at = words.index("--source")
    assert words[at + 1] == "build/cloudrun"
    return [*words[1:at], "--image", VARIABLES["IMAGE"], *words[at + 2 :]]


@pytest.mark.parametrize("page", PAGES[:1])
def test_each_line_of_the_page_is_one_that_gcloud_takes(gcloud: Gcloud, tmp_path: Path, page: str) -> None:
    """Both pages have the same lines. `builds submit` alone is left out: it begins with Google's storage."""
    deploys = 0
    for words in commands(page):
        if words[1:3] == ["builds", "submit"]:
            continue
        arguments = words[1:]
        if "--source" in words:
            arguments, deploys = from_image(words), deploys + 1
        elif arguments[:3] == ["run", "services", "replace"]:
            arguments[3] = str(service_file(tmp_path))
        done = gcloud.run(*arguments, given="made-up" if "--data-file=-" in words else None)
        assert done.returncode == 0, (words, done.stderr)
    assert deploys == 2, "once to deploy, and once to upgrade"
    secrets = [body["payload"]["data"] for _, target, body in gcloud.calls if ":addVersion" in target]
    assert [base64.b64decode(secret) for secret in secrets] == [b"made-up"] * 2


def test_gcloud_uploads_the_folder_as_it_is(gcloud: Gcloud, bundles: Bundles, tmp_path: Path) -> None:
    """Also the compiled files and .python-version, which a list of its own could leave out."""
    folder = shutil.copytree(bundles("cloudrun") / "cloudrun", tmp_path / "source")
    done = gcloud.run("meta", "list-files-for-upload", str(folder))
    assert done.returncode == 0, done.stderr
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {*done.stdout.splitlines()} == files
    assert {"main.py", "Procfile", ".python-version"} <= files and "requirements.txt" not in files
    assert (folder / ".python-version").read_text() == f"{BUNDLES['cloudrun'].python}\n"


def test_the_region_is_one_that_openai_serves() -> None:
    settings = startup.load({**VALUES, "OPENAI_BASE_URL": "https://api.openai.com/v1"})
    for page in PAGES:
        (region,) = set(re.findall(r"REGION=([a-z0-9-]+)", (ROOT / page).read_text(encoding="utf-8")))
        assert warning(region, settings) is None
    assert warning("asia-east2", settings) is not None


@pytest.mark.parametrize(
    ("changes", "fine"),
    [
        ({}, True),
        ({"ACCESS": "pass-through", "OPENAI_API_KEY": "", "PROXY_KEY": ""}, True),
        ({"OPENAI_API_KEY": ""}, False),
        ({"PROXY_KEY": ""}, False),
        ({"ACCESS": "pass-through", "PROXY_KEY": ""}, False),
    ],
)
def test_what_the_file_sets_is_neither_open_nor_dead_in_silence(
    tmp_path: Path, changes: dict[str, str], fine: bool
) -> None:
    environ = {**environment(yaml.safe_load(service_file(tmp_path).read_text(encoding="utf-8"))), **changes}
    if fine:
        assert not startup.load(environ).allow_anonymous
        return
    with pytest.raises(ConfigError) as refused:
        startup.load(environ)
    assert refused.value.param in environ


@pytest.fixture
def _on_cloud_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VALUES, "ACCESS", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("K_SERVICE", "sluice")
    monkeypatch.setenv("PORT", "8080")


@pytest.mark.usefixtures("_on_cloud_run")
def test_the_image_knows_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(server, "run", lambda *arguments: seen.append(arguments))
    monkeypatch.setenv("DEMO", "1")
    assert container.main(["serve"]) == 0
    assert isinstance(seen[0][0], CloudRunApp) and seen[0][1:3] == ("0.0.0.0", 8080)


@pytest.mark.usefixtures("_on_cloud_run")
def test_the_image_does_not_start_without_a_word_on_access(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "run", lambda *_: pytest.fail("it has started"))
    assert container.main(["serve"]) == 1
    assert capsys.readouterr().err.startswith("sluice: No settings.")


def test_the_button_asks_for_the_key_and_makes_the_other() -> None:
    """What may be in the file is what Google's button reads (github.com/GoogleCloudPlatform/cloud-run-button)."""
    made_by_button = json.loads((ROOT / "app.json").read_text(encoding="utf-8"))
    assert set(made_by_button) <= {"name", "description", "env", "options", "build", "hooks"}
    assert set(made_by_button["options"]) <= {"allow-unauthenticated", "memory", "cpu", "port", "http2"}
    known = {"description", "value", "required", "generator", "order"}
    assert all(set(entry) <= known for entry in made_by_button["env"].values())
    values = {name: entry.get("value", VALUES.get(name)) for name, entry in made_by_button["env"].items()}
    assert startup.load(values).access_mode == "proxy-key"
    assert made_by_button["env"]["PROXY_KEY"]["generator"] == "secret"
    for page in PAGES:
        (address,) = blocks(page, "text")
        url = urlsplit(address.strip())
        assert url.netloc == "deploy.cloud.run"
        assert dict(parse_qsl(url.query)) == {"git_repo": "https://github.com/OWNER/REPOSITORY"}


def test_no_key_has_a_place_in_a_file() -> None:
    for name in ("app.json", "cloudrun/service.yaml", "cloudrun/main.py", "cloudrun/Procfile"):
        assert not re.search(r"\bsk-|_KEY[\"']?\s*[:=]\s*[\"']?\w", (ROOT / name).read_text(encoding="utf-8")), name
