"""The issue forms are valid for GitHub, as far as its documents say what is, and say what must not be pasted.

docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests: the pages "Syntax for issue
forms", "Syntax for GitHub's form schema" and "Common validation errors when creating issue forms", read 2026-11-27.
"""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from proxy.cli.doctor import shareable
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("only files are read")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
TEXT = {"type": "string", "pattern": r"\S"}
LIST = {"type": "array", "items": TEXT}


def element(kind: str, required: tuple[str, ...], **attributes: Any) -> dict[str, Any]:
    """The schema of one kind of element, none of which may have keys that GitHub does not know."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "attributes"],
        "properties": {
            "type": {"const": kind},
            "id": {"type": "string", "pattern": r"^[A-Za-z0-9_-]+$"},
            "attributes": {
                "type": "object",
                "additionalProperties": False,
                "required": list(required),
                "properties": attributes,
            },
            "validations": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"required": {"type": "boolean"}},
            },
        },
    }


LABELLED = {"label": TEXT, "description": TEXT}
CHOICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label"],
    "properties": {"label": TEXT, "required": {"type": "boolean"}},
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "description", "body"],
    "properties": {
        "name": TEXT,
        "description": TEXT,
        "title": TEXT,
        "type": TEXT,
        "labels": LIST,
        "assignees": LIST,
        "projects": LIST,
        "body": {
            "type": "array",
            "minItems": 1,
            "items": {
                "oneOf": [
                    element("markdown", ("value",), value=TEXT),
                    element("textarea", ("label",), **LABELLED, placeholder=TEXT, value=TEXT, render=TEXT),
                    element("input", ("label",), **LABELLED, placeholder=TEXT, value=TEXT),
                    element(
                        "dropdown",
                        ("label", "options"),
                        **LABELLED,
                        multiple={"type": "boolean"},
                        default={"type": "integer"},
                        options={**LIST, "minItems": 1, "uniqueItems": True},
                    ),
                    element("checkboxes", ("label", "options"), **LABELLED, options={"type": "array", "items": CHOICE}),
                ]
            },
        },
    },
}


def form(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", [path.name for path in FORMS])
def test_a_form_is_one_that_github_takes(name: str) -> None:
    found = form(name)
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    fields = [one for one in found["body"] if one["type"] != "markdown"]
    assert fields, "GitHub refuses a form without a field"
    for part in ("id", "label"):
        used = [one["id"] if part == "id" else one["attributes"]["label"] for one in fields]
        assert len(set(used)) == len(used), part


def test_the_schema_refuses_what_github_refuses() -> None:
    right = form("endpoint-report.yml")
    for wrong in (
        {**right, "input": "x"},
        {**right, "name": " "},
        {**right, "description": True},
        {**right, "body": []},
        {**right, "body": [{"type": "markdown", "attributes": {}}]},
        {**right, "body": [{"type": "text", "attributes": {"label": "x"}}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate(wrong)


def test_the_form_for_reports_asks_for_one_and_says_what_not_to_paste() -> None:
    told, report, *others = form("endpoint-report.yml")["body"]
    text = told["attributes"]["value"]
    assert (
        "doctor --url https://… --size --report report.md" in text and "do not paste" in text and "请不要粘贴" in text
    )
    for word in ("keys", "address", "IP addresses", "prompts", "answers", "log", "密钥", "接口地址", "提示词"):
        assert word in text, word
    assert report["validations"]["required"] and report["attributes"]["placeholder"] == shareable.TITLE
    assert "render" not in report["attributes"], "the report's tables are to be shown as tables"
    consent = others[-1]["attributes"]["options"]
    assert [one["required"] for one in consent] == [True]
