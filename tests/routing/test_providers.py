"""Upstreams as the configuration names them: how they are read, and which of them a call goes to."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from typing import Any

import jsonschema
import pytest

from proxy import startup
from proxy.errors import ConfigError
from proxy.messages import Headers, Request
from proxy.settings import providers_file, regions
from proxy.wire.wildcards import matches
from tests.support import core
from tests.support.core import Listed, error_of, request
from tests.support.paths import ROOT
from tests.support.routing import ALL, FORM, MODEL, SETTINGS, A, B, body, form, run
from tests.support.several import Several

EXAMPLE = (ROOT / "sluice.example.toml").read_text(encoding="utf-8")
SECRETS = {"DEEPSEEK_API_KEY": "ds-1, ds-2", "AZURE_OPENAI_API_KEY": "az", "OPENROUTER_API_KEY": "or"}


def went(upstream: Several) -> list[tuple[str, str]]:
    return [(outgoing.target.name, outgoing.target.key) for outgoing in upstream.sent]


@pytest.mark.parametrize(
    ("name", "patterns", "fits"),
    [
        ("gpt-4o", ("gpt-4o",), True),
        ("gpt-4o-mini", ("gpt-4o",), False),
        ("gpt-4o-mini", ("gpt-4o*",), True),
        ("gpt-4o", ("gpt-4o*",), True),
        ("ft:gpt-4o:x", ("gpt-*",), False),
        ("ft:gpt-4o:x", ("*gpt-*",), True),
        ("deepseek-ai/V3", ("*/V3", "x"), True),
        ("a-b-c", ("a*b*c",), True),
        ("a-c-b", ("a*b*c",), False),
        ("ab", ("a*b",), True),
        ("a", ("a*a",), False),
        ("ac", ("a*b*c",), False),
        ("GPT-4o", ("gpt-4o",), False),
        ("a[1]", ("a[1]",), True),
        ("a1", ("a[1]",), False),
        ("anything", ("*",), True),
        ("", ("*",), True),
        ("x", (), False),
    ],
)
def test_a_pattern_is_a_name_in_which_a_star_stands_for_anything(
    name: str, patterns: tuple[str, ...], fits: bool
) -> None:
    assert matches(name, patterns) is fits


def test_many_stars_take_no_time() -> None:
    assert not matches("a" * 10_000, ("*a" * 1_000 + "b",))


def test_the_example_is_valid_and_says_what_it_means() -> None:
    loaded = startup.load({**SECRETS, "PROXY_KEY": "pk"}, EXAMPLE)
    names = [provider.name for provider in loaded.providers]
    assert names == ["deepseek", "openai", "azure", "openrouter"]
    assert loaded.providers[0].keys == ("ds-1", "ds-2") and all(provider.keys for provider in loaded.providers)
    assert loaded.proxy_key == ("pk",) and loaded.timeout_seconds == 300


def test_the_schema_knows_the_same_fields_and_takes_the_example() -> None:
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    schema = json.loads((ROOT / "docs" / "sluice.schema.json").read_text(encoding="utf-8"))
    fields = schema["properties"]["upstreams"]["items"]["properties"]
    assert set(fields) == set(providers_file.READERS)
    jsonschema.validate(tomllib.loads(EXAMPLE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"upstreams": [{"name": "A", "base_url": "https://x"}]}, schema)


@pytest.mark.parametrize("name", ["upstreams.md", "upstreams.zh-CN.md"])
def test_the_document_has_every_field(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert set(re.findall(r"`([a-z_]+)`", text)) >= set(providers_file.READERS)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "Big", "name must be 1 to 40 lower-case letters"),
        ("name", 3, "name must be 1 to 40 lower-case letters"),
        ("base_url", "a.example", "base_url must be an address"),
        ("base_url", 1, "base_url must be an address"),
        ("keys", ["two words"], "keys must be keys of printable ASCII"),
        ("keys", [1], "keys must be a text or a list of texts"),
        ("keys", "$NOT_THERE", "keys refers to the variable NOT_THERE, which is not set"),
        ("keys", "k,$NOT_THERE", "keys refers to the variable NOT_THERE, which is not set"),
        ("headers", {"X-A": "Bearer $TOKEN"}, "headers has $NAME inside a longer text"),
        ("name", "default", "name is 'default', which is a reserved name"),
        ("models", {}, "models must be a text or a list of texts"),
        ("aliases", [], "aliases must be a table of names"),
        ("aliases", {"a": ""}, "aliases must be a table of names"),
        ("headers", "x", "headers must be a table of names and values"),
        ("headers", {"Authorization": "x"}, "headers must not include"),
        ("headers", {"X-A": "a\r\nb: c"}, "headers must have a text of printable ASCII characters for X-A"),
        ("kind", "google", "kind must be one of: openai, azure"),
        ("kind", "azure", "kind is azure, which needs api_version"),
        ("api_version", "2024-10-21", 'api_version is only valid with kind = "azure"'),
        ("api_version", "a&b=c", "api_version must be a version"),
        ("priority", -1, "priority must be a whole number between 0 and 99"),
        ("priority", True, "priority must be a whole number between 0 and 99"),
        ("colour", "red", "colour is not a field of an upstream; valid fields are: name, base_url"),
    ],
)
def test_a_mistake_names_the_line_and_the_field(field: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        startup.load({"UPSTREAMS": json.dumps([A, {**B, field: value}])})
    assert refused.value.message.startswith(f"UPSTREAMS: upstreams[1].{message}")
    toml = {"name": '"b"', "base_url": '"https://b.example"', field: _toml(value)}
    lines = "\n".join(f"{name} = {text}" for name, text in toml.items())
    file = (
        f'timeout_seconds = 5\n\n[[upstreams]]\nname = "a"\nbase_url = "https://a.example"\n\n[[upstreams]]\n{lines}\n'
    )
    at = file.splitlines().index(f"{field} = {_toml(value)}") + 1
    with pytest.raises(ConfigError) as refused:
        startup.load({}, file)
    assert refused.value.message.startswith(f"sluice.toml, line {at}: upstreams[1].{message}")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {json.dumps(item)}" for name, item in value.items()) + "}"
    return json.dumps(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "UPSTREAMS is not valid JSON: "),
        ("{}", "UPSTREAMS must be a JSON list of objects"),
        ("[" * 100_000, "UPSTREAMS is not valid JSON"),
        ("[]", "UPSTREAMS is empty. Add an upstream"),
        ("[1]", "UPSTREAMS: upstreams[0] must be a table of fields"),
        ('[{"name": "a"}]', "UPSTREAMS: upstreams[0] has no base_url"),
        (json.dumps([A, A]), "UPSTREAMS: upstreams[1].name is 'a', which another upstream already has"),
    ],
)
def test_what_is_no_list_of_upstreams_stops_start_up(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        startup.load({"UPSTREAMS": text})
    assert refused.value.message.startswith(message) and refused.value.param == "UPSTREAMS"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ('upstreams = "x"', "must be tables that begin with"),
        ("upstreams = [1]", "line 1: upstreams[0] must be a table"),
        ('[[upstreams]]\nname = "a"', "line 1: upstreams[0] has no base_url"),
        (
            '[[upstreams]]\nname = "a"\nbase_url = "https://a.example"\n[upstreams.aliases]\n"a" = ""',
            "line 4: upstreams[0].aliases",
        ),
        ("x = [", "sluice.toml is not valid TOML: "),
    ],
)
def test_a_file_s_mistakes_have_lines_too(file: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        startup.load({}, file)


def test_headers_may_come_from_the_environment_and_no_repr_shows_a_secret() -> None:
    table = {**A, "base_url": "$ADDRESS", "headers": {"X-Token": "$TOKEN"}}
    environ = {"UPSTREAMS": json.dumps([table]), "TOKEN": "secret-1", "ADDRESS": "https://a.example/v2/"}
    provider = startup.load(environ).providers[0]
    assert provider.base_url == "https://a.example/v2"
    assert provider.headers == (("x-token", "secret-1"),)
    assert "secret-1" not in repr(provider) and "ka" not in repr(provider)


def test_a_list_of_keys_may_name_several_variables() -> None:
    table = {**A, "keys": "$ONE, k2,$TWO"}
    provider = startup.load({"UPSTREAMS": json.dumps([table]), "ONE": "k1", "TWO": "k3,k4"}).providers[0]
    assert provider.keys == ("k1", "k2", "k3", "k4")


def test_upstreams_with_keys_and_without_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match=r"upstreams\[1\] has no keys, but other upstreams do"):
        startup.load({"UPSTREAMS": json.dumps([A, {**B, "keys": ""}])})
    # The default upstream, which OPENAI_BASE_URL names without a key, blocks no other.
    upstream = Several()
    settings = {**SETTINGS, "OPENAI_BASE_URL": "https://x.example/v1"}
    run(upstream, request(body=body("else")), upstreams=[{**ALL, "aliases": {"else": "e"}}], settings=settings)
    assert went(upstream) == [("all", "kall")]


def test_pass_through_to_upstreams_with_models_alone_has_somewhere_to_list_them() -> None:
    pass_through = [{**table, "keys": ""} for table in (A, B)]
    for path in ("/v1/models", "/v1/files"):
        upstream = Several()
        run(upstream, request(path, b"", method="GET"), upstreams=pass_through, settings={})
        assert went(upstream) == [("a", "sk-caller")]


def test_the_environment_s_upstreams_win_over_the_file_s() -> None:
    file = '[[upstreams]]\nname = "file"\nbase_url = "https://f.example"'
    loaded = startup.load({"UPSTREAMS": json.dumps([A])}, file)
    assert [provider.name for provider in loaded.providers] == ["a"]
    loaded = startup.load({"OPENAI_API_KEY": "k"}, file)
    assert [provider.name for provider in loaded.providers] == ["file", "default", "api2d"]


@pytest.mark.parametrize(
    ("model", "name"),
    [("a-1", "a"), ("b-1", "b"), ("shared", "b"), ("else", "all"), (None, "all"), (7, "all")],
)
def test_the_model_selects_the_upstream(model: Any, name: str) -> None:
    upstream = Several()
    reply, _ = run(upstream, request(body=body(model)), upstreams=[A, B, ALL])
    assert reply.status == 200 and [one for one, _ in went(upstream)] == [name]


@pytest.mark.parametrize("model", ["c-1", None])
def test_a_model_that_no_upstream_is_there_for_is_a_404(model: str | None) -> None:
    upstream = Several()
    reply, _ = run(upstream, request(body=body(model)), upstreams=[A, B])
    error = error_of(reply)
    assert (reply.status, error["code"], error["param"]) == (404, "model_not_found", "model") and not upstream.sent
    reply, _ = run(upstream, request(body=body("c-1")), upstreams=[{**A, "keys": ""}], settings={})
    assert reply.status == 404 and not upstream.sent


def test_a_body_whose_model_cannot_be_read_is_refused_where_the_model_decides() -> None:
    for data in (b"no json", b"[1]", b'{"model":"\xff"}'):
        upstream = Several()
        reply, _ = run(upstream, request(body=data), upstreams=[A, ALL])
        assert error_of(reply)["code"] == "unreadable_body" and not upstream.sent
    zipped = request(body=b"\x1f\x8b", headers=(("content-encoding", "gzip"), ("authorization", "Bearer x")))
    upstream = Several()
    reply, _ = run(upstream, zipped, upstreams=[A, ALL])
    assert reply.status == 415 and not upstream.sent
    reply, _ = run(upstream, request(body=b'{"messages":[]}'), upstreams=[A, ALL])
    assert went(upstream) == [("all", "kall")]


def test_a_model_that_stands_twice_is_refused_where_it_decides() -> None:
    twice = b'{"model":"a-1","\\u006dodel":"b-1"}'
    upstream = Several()
    reply, _ = run(upstream, request(body=twice), upstreams=[A, B])
    assert error_of(reply)["code"] == "duplicate_key" and not upstream.sent
    direct = Listed(b"{}", headers=(("content-type", "application/json"),))
    reply, _ = core.run(direct, request(body=twice))  # a caller's own key, and nothing that is decided
    assert reply.status == 200 and direct.sent[0].body == twice


def test_a_model_s_own_page_goes_to_its_upstream() -> None:
    upstream = Several()
    run(upstream, request("/v1/models/b-x%2Fy", b"", method="GET"), upstreams=[A, B])
    assert went(upstream) == [("b", "kb")] and upstream.sent[0].path == "models/b-x%2Fy"


@pytest.mark.parametrize(
    ("key", "upstreams", "settings", "goes"),
    [
        ("fk-1", None, {}, "https://openai.api2d.net/v1"),
        ("sk-1", None, {}, "https://api.openai.com/v1"),
        ("fk-1", None, {"OPENAI_BASE_URL": "https://x.example/v1"}, "https://x.example/v1"),
        ("zz-1", [{**ALL, "keys": "", "key_prefixes": "zz"}], {}, "https://all.example/v1"),
    ],
)
def test_a_key_s_beginning_says_whose_it_is(key: str, upstreams: Any, settings: dict[str, str], goes: str) -> None:
    upstream = Several()
    incoming = request(body=body("m"), headers=(("authorization", f"Bearer {key}"),))
    run(upstream, incoming, upstreams=upstreams, settings=settings)
    assert [(outgoing.target.base_url, outgoing.target.key) for outgoing in upstream.sent] == [(goes, key)]


def test_a_key_with_a_model_of_several_of_its_upstreams_takes_the_one_that_names_it() -> None:
    pass_through = [{**table, "keys": "", "key_prefixes": "zz"} for table in (A, B)]
    incoming = request(body=body("b-1"), headers=(("authorization", "Bearer zz-1"),))
    upstream = Several()
    run(upstream, incoming, upstreams=pass_through, settings={})
    assert went(upstream) == [("b", "zz-1")]
    # Of a model that none of them names, the key still decides: nobody else may learn it.
    upstream = Several()
    incoming = request(body=body("x"), headers=(("authorization", "Bearer zz-1"),))
    run(upstream, incoming, upstreams=[*pass_through, {**ALL, "keys": ""}], settings={})
    assert went(upstream) == [("a", "zz-1")]
    upstream = Several()
    incoming = request(body=body("b-1"), headers=(("authorization", "Bearer sk-1"),))
    reply, _ = run(upstream, incoming, upstreams=pass_through, settings={})
    assert reply.status == 404 and not upstream.sent


def test_server_keys_of_api2d_go_there_too() -> None:
    upstream = Several()
    run(upstream, upstreams=None, settings={**SETTINGS, "OPENAI_API_KEY": "fk-1"})
    assert [(sent.target.base_url, sent.target.key) for sent in upstream.sent] == [
        ("https://openai.api2d.net/v1", "fk-1")
    ]


def test_an_upstream_s_headers_replace_the_caller_s() -> None:
    upstream = Several()
    incoming = request(
        body=body("a-1"), headers=(("authorization", "Bearer x"), ("x-title", "caller"), ("accept", "*/*"))
    )
    run(upstream, incoming, upstreams=[{**A, "headers": {"X-Title": "Mine"}}])
    up = Headers(upstream.sent[0].headers)
    assert [value for name, value in up if name == "x-title"] == ["Mine"] and up.get("accept") == "*/*"


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", 'multipart/form-data; charset=utf-8; boundary="x"']
)
def test_the_model_of_a_form_selects_the_upstream(kind: str) -> None:
    upstream = Several()
    run(upstream, form(FORM % (MODEL % b"b-1"), kind), upstreams=[A, B, ALL])
    assert went(upstream) == [("b", "kb")] and upstream.sent[0].body == FORM % (MODEL % b"b-1")
    assert Headers(upstream.sent[0].headers).get("content-type") == kind


def test_a_form_s_model_gets_its_other_name_and_nothing_else_changes() -> None:
    upstream = Several()
    run(upstream, form(FORM % (MODEL % b"whisper")), upstreams=[{**A, "aliases": {"whisper": "whisper-1"}}])
    assert upstream.sent[0].body == FORM % (MODEL % b"whisper-1")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (FORM % (MODEL % b"a-1" + MODEL % b"b-1"), "duplicate_key"),
        (FORM % (MODEL % b"a-1").replace(b'name="model"', b"name*=utf-8''model"), "unreadable_body"),
        (FORM % (MODEL % b"a-1").replace(b'name="model"', b'name="file"; name="model"'), "unreadable_body"),
        (FORM % (MODEL % b"a-1").replace(b"Content-Disposition: form-data; ", b"X: "), "unreadable_body"),
        (FORM % (MODEL % b"a-1").replace(b'"model"', b"model"), None),
        (b"", "unreadable_body"),
        (b"--x\r\nbroken", "unreadable_body"),
        (b"preamble\r\n" + FORM % (MODEL % b"a-1"), "unreadable_body"),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_is_refused(data: bytes, code: str | None) -> None:
    upstream = Several()
    reply, _ = run(upstream, form(data), upstreams=[A, B])
    if code is None:
        assert went(upstream) == [("a", "ka")]
    else:
        assert error_of(reply)["code"] == code and not upstream.sent


def test_a_form_without_a_model_goes_to_those_that_take_all() -> None:
    upstream = Several()
    run(upstream, form(FORM % b""), upstreams=[{**A, "aliases": {"x": "y"}}, ALL])
    assert went(upstream) == [("all", "kall")] and upstream.sent[0].body == FORM % b""


def test_the_region_s_warning_looks_at_every_upstream() -> None:
    settings = startup.load({"UPSTREAMS": json.dumps([A, {**ALL, "base_url": "https://api.openai.com/v1"}])})
    assert regions.warning("ap-hongkong", settings) and not regions.warning("ap-tokyo", settings)
    assert regions.warning("ap-hongkong", startup.load({"UPSTREAMS": json.dumps([A])})) is None
    assert regions.warning("ap-hongkong", startup.load({"DEMO": "1"})) is None


def test_prices_are_those_of_the_upstream_and_its_name_for_the_model() -> None:
    settings = {"OPENAI_API_KEY": "k", "ALLOW_ANONYMOUS": "1"}
    upstreams = [{**A, "base_url": "https://api.openai.com/v1", "models": "", "aliases": {"mine": "gpt-4o"}}]
    incoming = request("/v1/chat/completions/input_tokens", body("mine", messages=[{"role": "user", "content": "Hi"}]))
    _, data = run(Several(), incoming, upstreams=upstreams, settings=settings)
    assert json.loads(data)["price"]["provider"] == "openai" and json.loads(data)["context_window"] == 128_000


def test_readyz_asks_every_upstream() -> None:
    from tests.support.routing import refusal

    incoming = Request("GET", "/readyz", "deep=1", Headers((("authorization", "Bearer x"),)))
    upstream = Several({"a": refusal(500)})
    reply, data = run(upstream, incoming, upstreams=[A, B])
    found = json.loads(data)["upstreams"]
    assert reply.status == 200 and [(item["name"], item["status"]) for item in found] == [("a", 500), ("b", 200)]
    reply, data = run(Several({"a": refusal(500)}), incoming, upstreams=[A])
    assert reply.status == 503 and json.loads(data)["upstream"]["status"] == 500
    incoming = Request("GET", "/readyz", "deep=1", Headers((("authorization", "Bearer sk-own"),)))
    upstream = Several()
    run(upstream, incoming, upstreams=[{**ALL, "keys": ""}, {**A, "keys": ""}], settings={})
    assert went(upstream) == [("all", "sk-own")]


def test_a_call_may_cost_no_more_at_the_upstream_that_it_moves_on_to() -> None:
    openai = {"base_url": "https://api.openai.com/v1", "models": ""}
    upstreams = [
        {**A, **openai, "aliases": {"smart": "gpt-4o-mini"}},
        {**B, **openai, "aliases": {"smart": "gpt-4o"}, "priority": 1},
    ]
    incoming = body("smart", max_tokens=1500, messages=[{"role": "user", "content": "Hi"}])
    settings = {**SETTINGS, "MAX_COST_USD": "0.001"}
    upstream = Several()
    run(upstream, request(body=incoming), upstreams=upstreams[:1], settings=settings)
    assert json.loads(upstream.sent[0].body)["max_tokens"] == 1500
    upstream = Several()
    reply, _ = run(upstream, request(body=incoming), upstreams=upstreams, settings=settings)
    assert json.loads(upstream.sent[0].body)["max_tokens"] < 100
    assert reply.headers.get("x-sluice-max-output-tokens")


def test_what_a_process_learns_of_models_does_not_grow_without_end() -> None:
    from tests.support.routing import made

    on = made()
    for number in range(2000):
        on.learn(on.no_usage, "a", f"m-{number}")
    on.learn(on.no_events, "a", "m" * 201)
    assert len(on.no_usage) == 1000 and on.no_events == {}
    assert on.knows(on.no_usage, "a", "m-1999") and not on.knows(on.no_usage, "b", "m-1999")
