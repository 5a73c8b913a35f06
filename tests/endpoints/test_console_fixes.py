"""The console's advice on problems: every code in it exists, and it is in both languages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from proxy.endpoints.console import help as help_page
from proxy.endpoints.console import page
from tests.conftest import Serve
from tests.support.browser import opened, say
from tests.support.console_streams import answered

FIXES = page.read("fixes.js")
TEXTS = page.read("texts.js")
# Types and codes that only providers use: docs.anthropic.com/en/api/errors and
# platform.openai.com/docs/guides/error-codes, read 2026-11-26 and 2026-11-23.
OF_PROVIDERS = {"unsupported_country_region_territory", "request_too_large", "billing_error"}
# The types of Anthropic's API that Sluice's own errors have too, as in that API.
TYPES = {"authentication_error", "permission_error", "rate_limit_error", "timeout_error"}


def names() -> list[str]:
    return [name for names in re.findall(r"\bof: \"([^\"]+)\"", FIXES) for name in names.split()]


def test_each_code_is_one_that_somebody_sends_and_decides_once() -> None:
    found = names()
    assert len(found) == len(set(found))
    codes = {error["code"] for group in help_page.groups() for error in group["errors"]}
    for name in found:
        is_text = re.search(rf"\b{name}: ", TEXTS) is not None
        assert re.fullmatch(r"[45](\d\d|xx)", name) or is_text or name in codes | OF_PROVIDERS | TYPES, name
    assert {"4xx", "5xx"} <= set(found)  # so that no error response is without advice


def test_each_piece_of_advice_is_in_both_languages() -> None:
    entries = re.findall(r"\{ of: .*?\},?$", FIXES, re.MULTILINE | re.DOTALL)
    assert len(entries) == FIXES.count("of: ")
    for entry in entries:
        assert len(re.findall(r"\ben: ", entry)) == len(re.findall(r"\bzh: ", entry)) == 1, entry


@pytest.mark.any_python("Chromium runs the page")
@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"DEMO": "1"}, "The provider refuses the server's own key: tell the owner."),
        (
            {"OPENAI_API_KEY": "k", "PROXY_KEY": "pk-0123456789abcdef"},
            "Check the key. Key: the one you got from this endpoint's owner. If it is right, the provider refuses",
        ),
        ({}, "Check the key. Key: your own provider key. It is passed on with each call and not stored here."),
    ],
    ids=["open", "proxy key", "own key"],
)
def test_who_has_to_change_the_key_depends_on_whose_it_is(
    browser: Browser, serve: Serve, settings: dict[str, str], advice: str
) -> None:
    with opened(browser, serve(**settings).url) as visit:
        answered(visit.page, "openai", b'{"error": {"message": "No.", "code": "invalid_api_key"}}', 401)
        say(visit.page, "hi")
        expect(visit.page.locator(".failed .fix")).to_contain_text(f"What to do: {advice}")


@pytest.mark.any_python("Chromium runs the page")
@pytest.mark.parametrize(
    ("body", "status", "advice"),
    [
        (b'{"message": "Top level.", "code": "model_not_found"}', 404, "Choose a model with “List models”"),
        (b'{"error": "a text alone"}', 418, "Change what the message names."),
        (b'{"error": {"message": {"message": "Nested."}, "type": "billing_error"}}', 402, "The budget or the provider"),
        (b"<h1>No</h1>", 599, "Send it again in a moment."),
        (b"", 504, "Tick “Stream”, ask for a shorter answer"),
    ],
)
def test_errors_of_any_shape_have_advice(browser: Browser, serve: Serve, body: bytes, status: int, advice: str) -> None:
    with opened(browser, serve(DEMO="1").url) as visit:
        answered(visit.page, "openai", body, status)
        say(visit.page, "hi")
        expect(visit.page.locator(".failed [data-problem]")).to_contain_text(f"({status})What to do: {advice}")
