"""docs/security.md says what the code does: its tables are held against the tables, names and limits in the code."""

from __future__ import annotations

import re

import pytest

from proxy import tokens
from proxy.access import account_references, strict_body
from proxy.adapters import http_rules, log_output
from proxy.errors import BadRequest, ReferenceNotAllowed, TooComplex, UnsupportedMedia
from proxy.routing import upstream_error
from proxy.settings import parsers
from proxy.settings.providers import HARMLESS_HEADERS
from proxy.tokens.vocabulary import Budget
from proxy.transports import http1
from proxy.wire import bounded_json, json_rules, multipart, path_table
from proxy.wire.path_table import Endpoint
from tests.support.cost import send
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
TEXT = (DOCS / "security.md").read_text(encoding="utf-8")
WORD = re.compile(r"`([^`]+)`")


def rows(head: str) -> list[list[str]]:
    """The cells of each row of the table whose first column is called `head`."""
    (table,) = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def says(row: Endpoint) -> list[str]:
    """What the table has to say of a path: its body, a limit on output, one on cost, the context guard."""
    free = row.cost == path_table.FREE
    output = "free" if free else "holds" if row.limits else "closed" if row.generates else "–"
    priced = row.cost in (path_table.TOKENS, path_table.INPUT) and not (row.generates and not row.limits)
    guard = "–" if free else "closed" if row.limits and row.protocol == "other" else "holds"
    return ["JSON or form" if row.form else "JSON", output, "free" if free else "holds" if priced else "closed", guard]


def test_the_table_of_paths_is_the_one_in_the_code() -> None:
    written = {WORD.findall(first)[0]: rest for first, *rest in rows("path below `/v1/`")}
    assert [*written] == [one.path for one in path_table.ENDPOINTS]
    assert {one.path: says(one) for one in path_table.ENDPOINTS} == {
        path: [cell.strip(" |") for cell in cells] for path, cells in written.items()
    }


def test_the_families_that_only_store_are_those_in_the_code() -> None:
    (listed,) = re.findall(r"those that only store something \((.*?)\)", TEXT, re.DOTALL)
    assert {*WORD.findall(listed)} == path_table._STORES
    (paid,) = re.findall(r"under every limit, (.*?), which have prices", TEXT, re.DOTALL)
    assert {*WORD.findall(paid)} == path_table._PAID_STORES


ON = {"MAX_OUTPUT_TOKENS": "100", "MAX_COST_USD": "0.01", "CONTEXT_GUARD": "reject"}
LONG = "word " * 20_000
BODIES = {
    "completions": {"model": "gpt-3.5-turbo-instruct", "prompt": LONG},
    "messages": {"model": "claude-opus-4-1", "max_tokens": 9000, "messages": [{"role": "user", "content": LONG * 15}]},
    "embeddings": {"model": "text-embedding-3-large", "input": LONG * 5},
    "responses": {"model": "gpt-4", "input": LONG},
    "v1beta/models/{model}:embedContent": {"content": {"parts": [{"text": LONG * 75}]}},
    "v1beta/models/{model}:batchEmbedContents": {"requests": [{"content": {"parts": [{"text": LONG * 75}]}}]},
}
GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": LONG * 75}]}],
    "generationConfig": {"maxOutputTokens": 9000},
}


@pytest.mark.parametrize("cells", rows("path below `/v1/`"), ids=lambda cells: cells[0])
def test_each_limit_does_on_a_path_what_the_table_says(cells: list[str]) -> None:
    path = WORD.findall(cells[0])[0]
    chat = {"model": "gpt-4", "messages": [{"role": "user", "content": LONG}], "input": LONG}
    body = BODIES.get(path, GEMINI if path.startswith("v1beta") else chat)
    url = f"/{path}".replace("{model}", "gemini-2.5-flash") if path.startswith("v1beta") else f"/v1/{path}"
    for (name, value), said in zip(ON.items(), cells[2:], strict=True):
        maker = {"OPENAI_BASE_URL": "https://api.anthropic.com/v1"} if path.startswith("messages") else {}
        maker |= {"GEMINI_BASE_URL": "https://generativelanguage.googleapis.com"}
        status, error, went_up = send(body, {name: value, **maker}, url)
        if said == "closed":
            assert error is not None and (status, error["code"]) == (403, "path_not_allowed"), name
        elif said == "holds" and name == "MAX_OUTPUT_TOKENS":
            assert went_up is not None
            assert 100 in (*went_up.values(), went_up.get("generationConfig", {}).get("maxOutputTokens"))
        elif said == "holds":
            code = "cost_limit_exceeded" if name == "MAX_COST_USD" else "context_length_exceeded"
            assert error is not None and (status, error["code"]) == (400, code), name
        else:
            assert status == 200 and went_up == body, name


def test_the_kinds_of_references_are_those_in_the_code() -> None:
    written = {
        WORD.findall(first)[0]: {word.lower() for word in WORD.findall(second)} for first, second, _ in rows("kind")
    }
    assert sorted(written) == sorted(parsers.REFERENCES)
    known = {**account_references._NAMES, **account_references._TYPES}
    for name, kind in known.items():
        assert name in written[kind], f"{name} is missing in the row of {kind}"
    for kind, words in written.items():
        foreign = {word for word in words if known.get(word, kind) != kind}
        assert not foreign, f"{kind} does not open {foreign}"
    configuration = (DOCS / "configuration.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^### `ALLOW_REFERENCES`\n(.*?)```", configuration, re.MULTILINE | re.DOTALL)
    assert {*parsers.REFERENCES} <= {*WORD.findall(section)}


def held(body: dict[str, object], **more: str) -> tuple[int, dict[str, object] | None]:
    """The status, and what went up with a key of the server's."""
    settings = {"OPENAI_API_KEY": "sk-server", "ALLOW_ANONYMOUS": "1", **more}
    status, _, went_up = send(body, settings, "/v1/responses")
    return status, went_up


@pytest.mark.parametrize("kind", sorted({*parsers.REFERENCES} - {"store"}))
def test_each_kind_is_refused_until_it_is_opened_by_name(kind: str) -> None:
    name = next((name for name, one in account_references._NAMES.items() if one == kind), "voice_id")
    body: dict[str, object] = {"model": "gpt-4.1", "store": False, name: "voice_0123456789ab"}
    assert held(body) == (403, None)
    assert held(body, ALLOW_REFERENCES=",".join({*parsers.REFERENCES} - {kind})) == (403, None)
    assert held(body, ALLOW_REFERENCES=kind) == (200, body)


def test_only_store_keeps_answers() -> None:
    for body in ({"model": "gpt-4.1"}, {"model": "gpt-4.1", "store": True}):
        assert held({**body}) == (200, {**body, "store": False})
        assert held({**body}, ALLOW_REFERENCES="store") == (200, body)


@pytest.mark.parametrize("page", ["security.md", "upstreams.md"])
def test_the_harmless_headers_are_those_in_the_code(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    (listed,) = re.findall(r"(?:Only|Not counted:) (`Accept`.*?`X-Title`)", text, re.DOTALL)
    assert {word.lower() for word in WORD.findall(listed)} == HARMLESS_HEADERS


def test_the_limits_of_work_and_memory_are_those_in_the_code() -> None:
    nodes = Budget(0, 0, float).nodes
    budget = f"{tokens.MAX_CHARACTERS:,} characters, {tokens.MAX_SECONDS:.0f} second"
    counting = f"{budget}, {nodes:,} parts of messages and schemas"
    assert {what: limit.strip(" |") for what, limit in rows("what")} == {
        "request headers, before the key is checked": f"{http_rules.MAX_HEAD_BYTES // 1024} KB, then 431",
        "request body": "`MAX_BODY_MB`, or the platform's limit",
        "values in a request that is read strictly": (
            f"{json_rules.MAX_VALUES:,} (commas and brackets in texts may count)"
        ),
        "keys at the top level, and the length of a key": (
            f"{json_rules.MAX_MEMBERS:,} keys, {json_rules.MAX_NAME:,} characters"
        ),
        "one text, if it is not plain ASCII": f"{json_rules.MAX_TEXT:,} characters",
        "nesting": f"{bounded_json.LEVELS} levels",
        "model name": f"{strict_body.MAX_MODEL_LENGTH} characters",
        "parts of a form": f"{multipart.MAX_PARTS:,}",
        "counting one request": counting,
        "head of an upstream's answer": f"{http1.MAX_HEAD_BYTES // 1000} KB",
        "upstream's error that is searched for secrets": f"{upstream_error.MAX_SEARCHED_BYTES // 1024} KB",
        "log lines waiting to be written": f"{log_output.MAX_QUEUED_CHARACTERS // 1_000_000} MB",
    }


@pytest.mark.parametrize("page", ["security.md", "keys.md"])
def test_refusals_have_the_codes_that_the_documents_name(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    written = {(int(status), code) for status, code in re.findall(r"(\d{3}) `(\w+)`", text)}
    refusals = {(one.status, one.code) for one in (UnsupportedMedia, TooComplex)}
    assert refusals | {(BadRequest.status, code) for code in ("duplicate_key", "unreadable_body")} <= written
    assert str(ReferenceNotAllowed.status) in text and f"`{ReferenceNotAllowed.code}`" in text
