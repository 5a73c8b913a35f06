"""The page /help: it explains each error of Sluice in both languages, and every error refers to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.endpoints.console import help as help_page
from proxy.endpoints.console import page
from proxy.errors import ProxyError, UpstreamRefused
from proxy.messages import Headers, Request
from tests.support.core import Listed, error_of, request, run
from tests.support.paths import ROOT

pytestmark = pytest.mark.any_python("the page is the same text on every Python")
# Passed on from the upstream, and written to the log only.
NEVER_OURS = {"upstream_refused", "client_disconnected"}
ERRORS = {error["code"]: error for group in help_page.groups() for error in group["errors"]}


def codes() -> Iterator[str]:
    """The codes in the sources: of error classes, and of those that a raise gives."""
    for path in (ROOT / "proxy").rglob("*.py"):
        if "cli" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value: Any = None
            if isinstance(node, ast.Call) and any(keyword.arg == "code" for keyword in node.keywords):
                value = next(keyword.value for keyword in node.keywords if keyword.arg == "code")
            elif isinstance(node, ast.Assign) and any(getattr(name, "id", "") == "code" for name in node.targets):
                value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def classes(kind: type[ProxyError] = ProxyError) -> Iterator[type[ProxyError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from classes(each)


def test_every_error_of_ours_is_explained_and_no_other() -> None:
    assert set(ERRORS) == set(codes()) - NEVER_OURS
    for kind in classes():
        if kind.__module__.startswith("proxy.") and kind.code in ERRORS and kind.__subclasses__() == []:
            assert ERRORS[kind.code]["status"] == kind.status, kind


@pytest.mark.parametrize("code", ERRORS)
def test_an_explanation_is_whole_sentences(code: str) -> None:
    for language, end in (("en", "."), ("zh", "。")):
        reason, fix = ERRORS[code][language]
        assert reason.endswith(end) and fix.endswith((end, "）。" if language == "zh" else "."))
    assert all(re.search(r"[\u4e00-\u9fff]", text) for text in ERRORS[code]["zh"])
    assert not any(re.search(r"[\u4e00-\u9fff][,.:;!?]|[\u4e00-\u9fff]", text) for text in ERRORS[code]["en"])


def test_an_error_says_where_it_is_explained() -> None:
    reply, _ = run(Listed(), request(headers=()))
    error = error_of(reply)
    assert error["message"].endswith(f" See /help#{error['code']} on this endpoint.")
    assert f'<article id="{error["code"]}">'.encode() in help_page.render("en")


def test_an_upstream_s_own_error_is_left_as_it_is() -> None:
    assert UpstreamRefused(400, [], None, {"message": "too long"}).fields()["message"] == "too long"


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "", "en"),
        ("lang=zh", "", "zh"),
        ("x=1&lang=en", "zh-CN", "en"),
        ("lang=fr", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "fr-FR, de;q=0.5", "en"),
        ("", "de, en-US;q=0.8, zh;q=0.7", "en"),
        ("", "x," * 1000 + "zh", "en"),
    ],
)
def test_the_language_is_the_reader_s(query: str, accepted: str, language: str) -> None:
    asked = Request("GET", "/help", query, Headers([("accept-language", accepted)] if accepted else []))
    assert help_page.language_of(asked) == language
    body = help_page.answer(asked).body
    assert isinstance(body, bytes) and f'<html lang="{language}">'.encode() in body


def test_a_bundle_without_the_long_document_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(name: str) -> str:
        raise KeyError(name)

    monkeypatch.setattr(page, "read", read)
    reply, _ = run(Listed(), request(method="GET", path="/llms-full.txt"))
    assert reply.status == 404 and "without llms-full.txt" in error_of(reply)["message"]
