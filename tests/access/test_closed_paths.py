"""What a caller of a server-held key is told about a call that is not open: the path, the method, or the setting."""

from __future__ import annotations

import json

import pytest

from proxy.access import closed_paths
from tests.support.case import JSON, error_code
from tests.support.core import Listed, request, run

CALLER = (("authorization", "Bearer pk-one"), JSON)
SETTINGS = {"OPENAI_API_KEY": "sk-server", "PROXY_KEY": "pk-one"}


def told(method: str, path: str, **settings: str) -> tuple[int, str, str]:
    """The status, the code and the sentence. Nothing goes up."""
    upstream = Listed(b"{}")
    asked = request(path, b"{}", method=method, headers=CALLER)
    reply, _ = run(upstream, asked, settings={**SETTINGS, **settings})
    assert isinstance(reply.body, bytes) and not upstream.sent
    error = json.loads(reply.body)["error"]
    assert reply.headers.get("x-should-retry") == "false"
    return reply.status, error_code(error), error["message"]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completion", "POST /v1/chat/completions"),
        ("/v1/chat/completion", "POST /v1/chat/completions"),
        ("/v1/chat", "POST /v1/chat/completions"),
        ("/v1/completion", "POST /v1/completions"),
        ("/v1/embedding", "POST /v1/embeddings"),
        ("/v1/response", "POST /v1/responses"),
        ("/v1/message", "POST /v1/messages"),
        ("/v1/image/generations", "POST /v1/images/generations"),
        ("/v1/audio/transcription", "POST /v1/audio/transcriptions"),
        ("/v1/model", "GET /v1/models"),
    ],
)
def test_a_mistyped_path_gets_the_one_that_was_meant(path: str, meant: str) -> None:
    status, code, message = told("POST", path)
    assert (status, code) == (404, "unknown_path")
    assert f"Did you mean {meant}?" in message and "ALLOW_PATHS" not in message


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("GET", "/v1/embeddings", "GET /v1/embeddings"),
        ("GET", "/v1/responses", "GET /v1/responses"),
        ("PUT", "/v1/messages", "PUT /v1/messages"),
        ("PUT", "/v1beta/models/gemini-2.5-flash:countTokens", "PUT /v1beta/models/gemini-2.5-flash:countTokens"),
    ],
)
def test_another_method_than_the_path_has(method: str, path: str, named: str) -> None:
    status, code, message = told(method, path, GEMINI_API_KEY="g")
    assert (status, code) == (405, "method_not_allowed")
    assert message.startswith(named) and "Send it with POST" in message and "ALLOW_PATHS" not in message


def test_get_where_chats_are_called_says_both_what_calls_a_model_and_what_opens_the_stored_ones() -> None:
    status, code, message = told("GET", "/chat/completions")
    assert (status, code) == (403, "path_not_allowed")
    assert "To call a model, send POST /v1/chat/completions." in message and "ALLOW_PATHS=chat," in message


@pytest.mark.parametrize(
    ("method", "path", "setting"),
    [
        ("GET", "/v1/files", "files"),
        ("POST", "/v1/batches", "batches"),
        ("GET", "/v1/responses/resp_1", "responses/*"),
        ("POST", "/v1/completions/x", "completions/*"),
        ("POST", "/v1/audio/voices", "audio"),
        ("POST", "/v1/images/other", "images"),
        ("DELETE", "/v1/models/x", "models"),
        ("POST", "/v1/some-path-of-a-provider", "some-path-of-a-provider"),
    ],
)
def test_what_is_closed_names_the_setting_that_opens_it(method: str, path: str, setting: str) -> None:
    status, code, message = told(method, path)
    assert (status, code) == (403, "path_not_allowed")
    assert f"ALLOW_PATHS={setting}, " in message and "Did you mean" not in message


def test_a_path_of_any_length_is_compared_in_little_time() -> None:
    assert closed_paths.error("POST", "chat/completion" + "s" * 1_900).status == 403


def test_a_mistyped_path_that_the_owner_has_opened_goes_up() -> None:
    upstream = Listed(b"{}")
    asked = request("/v1/chat/completion", b"{}", headers=CALLER)
    run(upstream, asked, settings={**SETTINGS, "ALLOW_PATHS": "chat"})
    assert [sent.path for sent in upstream.sent] == ["chat/completion"]
