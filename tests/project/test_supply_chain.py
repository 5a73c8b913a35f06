"""What others could put into a release: actions and images by what cannot be moved, rights by the job, tests first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import dockerfile
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("only files are read")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
# The rights to write that a job may have, each in a job of its own.
MAY_WRITE = {"attest": {"id-token", "attestations"}, "publish": {"contents"}}


def jobs(workflow: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return found


@pytest.fixture
def release() -> dict[str, Any]:
    return jobs(ROOT / ".github" / "workflows" / "release.yml")


def writes(job: dict[str, Any]) -> set[str]:
    return {name for name, level in job["permissions"].items() if level == "write"}


def before(all_jobs: dict[str, Any], name: str) -> set[str]:
    """The jobs that must have succeeded when `name` starts."""
    needs = all_jobs[name].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(before(all_jobs, one) for one in direct))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_their_version_beside_it(workflow: Path) -> None:
    lines = re.findall(r"^\s*(?:- )?uses:\s*(.*)$", workflow.read_text(encoding="utf-8"), re.MULTILINE)
    used = [step["uses"] for job in jobs(workflow).values() for step in job["steps"] if "uses" in step]
    assert len(lines) == len(used) > 0
    for line in lines:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    assert len(set(used)) == len({one.partition("@")[0] for one in used}), "one commit for each action"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_job_has_only_the_rights_that_it_needs(workflow: Path) -> None:
    whole = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert whole["permissions"] == {}
    for name, job in whole["jobs"].items():
        assert set(job["permissions"].values()) <= {"read", "write"}
        assert writes(job) == MAY_WRITE.get(name, set()), name
        if writes(job):  # then nothing of the project's runs there, nor of what it installs
            uses = [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]
            assert set(uses) <= {"actions/download-artifact", "actions/attest-build-provenance"}
            commands = [step["run"].split()[0] for step in job["steps"] if "run" in step]
            assert set(commands) <= {"sha256sum", "gh"}
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "what an expression gives would be run as a command"
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_nothing_is_released_before_all_tests_and_the_signature(release: dict[str, Any]) -> None:
    assert before(release, "publish") == {"test", "build", "attest"}
    assert before(release, "attest") == {"test", "build"}
    assert before(release, "build") == {"test"}
    tested = [step.get("run", "") for step in release["test"]["steps"]]
    assert any(re.match(r"make lint test\b", one) for one in tested)
    assert release["test"]["strategy"]["matrix"]["python"] == ["3.10", "3.13"]
    assert not any(
        "continue-on-error" in part or "if" in part for job in release.values() for part in (job, *job["steps"])
    )


def test_what_is_published_is_what_was_signed(release: dict[str, Any]) -> None:
    def step(job: str, beginning: str) -> Any:
        (found,) = [
            one
            for one in release[job]["steps"]
            if one.get("uses", "").startswith(beginning) or one.get("run", "").startswith(beginning)
        ]
        return found

    uploaded = step("build", "actions/upload-artifact")["with"]
    assert uploaded["path"].split() == ["build/*.zip", "build/SHA256SUMS"] and uploaded["if-no-files-found"] == "error"
    for job in ("attest", "publish"):
        assert step(job, "actions/download-artifact")["with"] == {"name": uploaded["name"]}
    assert step("attest", "sha256sum")["run"] == "sha256sum --check --strict SHA256SUMS"
    assert step("attest", "actions/attest-build-provenance")["with"]["subject-path"].split() == ["*.zip", "SHA256SUMS"]
    words = step("publish", "gh")["run"].split()
    assert words[:6] == ["gh", "release", "create", '"$GITHUB_REF_NAME"', "./*.zip", "SHA256SUMS"]
    assert "--verify-tag" in words


def test_the_base_image_is_pinned_by_its_digest() -> None:
    steps = dockerfile.steps((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    bases = {step.text.partition(" AS ")[0] for step in steps if step.name == "FROM"}
    assert len(bases) == 1 and re.fullmatch(r"python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases.pop())


def test_pins_are_looked_after() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {one["package-ecosystem"] for one in updates} == {"github-actions", "docker"}


def test_who_finds_a_hole_is_told_where_to_report_it() -> None:
    told = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "*Report a vulnerability*" in told and "not as an issue" in told
    assert "gh attestation verify SHA256SUMS" in told and "sha256sum --check" in told
    assert "(SECURITY.md)" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
