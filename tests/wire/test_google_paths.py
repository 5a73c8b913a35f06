"""Paths of Google's API: in any spelling of a base URL, with any model, and those that its SDKs send to v1."""

from __future__ import annotations

import pytest

from proxy.errors import BadRequest
from proxy.messages import Headers
from proxy.wire import path_table
from proxy.wire.paths import normalise_path, of_google

GOOGLE = Headers([("x-goog-api-key", "k")])


@pytest.mark.parametrize(
    ("path", "normalised"),
    [
        ("/v1beta/models/g:generateContent", "v1beta/models/g:generateContent"),
        ("/v1alpha/models/g:generateContent", "v1beta/models/g:generateContent"),
        ("/v1/v1beta/models/g:countTokens", "v1beta/models/g:countTokens"),
        ("/prod/v1beta/models", "v1beta/models"),
        ("/v1/models/g:streamGenerateContent", "v1beta/models/g:streamGenerateContent"),
        ("/https://x.example/v1beta/cachedContents/c", "v1beta/cachedContents/c"),
        ("/v1/models/ft:gpt-4o:org", "models/ft:gpt-4o:org"),
        ("/v1/files/v1beta/models", "files/v1beta/models"),
        ("/v1beta/openai/chat/completions", "chat/completions"),
    ],
)
def test_every_spelling_leads_to_one_path(path: str, normalised: str) -> None:
    assert normalise_path(path).path == normalised


@pytest.mark.parametrize(
    "path",
    ["/v1beta/models/g%3AgenerateContent", "/v1beta/models%2Fg:generateContent", "/v1beta/models/g;x:countTokens"],
)
def test_other_spellings_of_a_path_are_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        normalise_path(path)


@pytest.mark.parametrize("model", ["m", "models", "model", "gemini-2.5-pro", "a.b_c~d"])
def test_any_model_is_found_and_replaced(model: str) -> None:
    path = f"v1beta/models/{model}:generateContent"
    row = path_table.endpoint(path)
    assert row is not None and row.protocol == "gemini" and path_table.path_model(path) == model
    assert path_table.with_model(path, "x") == "v1beta/models/x:generateContent"
    assert path_table.with_model(f"v1beta/models/{model}", "x") == "v1beta/models/x"


def test_google_s_sdks_list_models_and_files_below_v1() -> None:
    for path in ("models", "models/g", "files", "files/f"):
        assert of_google(normalise_path(f"/v1/{path}"), GOOGLE).path == f"v1beta/{path}"
        assert of_google(normalise_path(f"/v1/{path}"), Headers()).path == path
    for path in ("chat/completions", "v1beta/models"):
        assert of_google(normalise_path(f"/{path}"), GOOGLE).path == path
    assert of_google(normalise_path("/healthz"), GOOGLE).own
