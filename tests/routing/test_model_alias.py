"""Aliases of models: what goes up, what comes back, what /v1/models lists, and Azure's deployments."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from openai import AzureOpenAI

from proxy import startup
from proxy.errors import UpstreamUnreachable
from proxy.messages import Headers
from proxy.routing import azure
from proxy.routing.model_field import requested_model
from proxy.wire.work import SLICE, Slices
from tests.support import slices
from tests.support.core import SSE, error_of, request
from tests.support.routing import ALL, FORM, MODEL, SETTINGS, A, B, body, failing, form, made, refusal, run
from tests.support.several import Does, Several

ALIASED: dict[str, Any] = {**A, "models": "", "aliases": {"gpt-3.5-turbo": "gpt-4o-mini"}}
ANSWER = (
    b'{"id":"1", "model": "gpt-4o-mini-2024-07-18",'
    b'"choices":[{"message":{"content":"say \\"model\\":\\"gpt-4o-mini\\""}}]}'
)
AZURE: dict[str, Any] = {
    "name": "az",
    "kind": "azure",
    "base_url": "https://me.openai.azure.com",
    "api_version": "2024-10-21",
    "keys": "azk",
    "aliases": {"gpt-4o": "my deployment"},
}


def chunk(model: str, **fields: Any) -> bytes:
    return b"data: " + json.dumps({"id": "1", "model": model, **fields}).encode() + b"\n\n"


def test_the_upstream_gets_its_name_and_the_caller_its_own() -> None:
    upstream = Several({"a": Does(body=ANSWER, headers=(("content-type", "application/json"), ("etag", "x")))})
    sent = b'{ "model" : "gpt-3.5-turbo", "temperature": 2.50, "seed": 12345678901234567890 }'
    reply, data = run(upstream, request(body=sent), upstreams=[ALIASED])
    assert upstream.sent[0].body == sent.replace(b"gpt-3.5-turbo", b"gpt-4o-mini")
    assert data == ANSWER.replace(b'"gpt-4o-mini-2024-07-18"', b'"gpt-3.5-turbo"')
    assert reply.headers.get("content-length") == str(len(data)) and reply.headers.get("etag") is None
    assert Headers(upstream.sent[0].headers).get("accept-encoding") == "identity"


def test_every_chunk_of_a_stream_has_the_caller_s_name() -> None:
    pieces = (
        chunk("gpt-4o-mini-2024-07-18"),
        b"",
        chunk("gpt-image-1", response={"model": "gpt-4o-mini"}),
        b"data: [DONE]\n\n",
    )
    upstream = Several({"a": Does(headers=SSE, pieces=pieces)})
    _, data = run(upstream, request(body=body("gpt-3.5-turbo", stream=True)), upstreams=[ALIASED])
    assert data == chunk("gpt-3.5-turbo") + chunk("gpt-image-1", response={"model": "gpt-3.5-turbo"}) + pieces[-1]


def test_what_cannot_be_read_keeps_the_upstream_s_name() -> None:
    zipped = Does(body=b"\x1f\x8b...", headers=(("content-type", "application/json"), ("content-encoding", "gzip")))
    reply, data = run(Several({"a": zipped}), request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED])
    assert data == zipped.body and reply.headers.get("content-encoding") == "gzip"
    sound = Does(body=b'\x00"model":"gpt-4o-mini"', headers=(("content-type", "audio/mpeg"),))
    _, data = run(Several({"a": sound}), request("/v1/audio/speech", body("gpt-3.5-turbo")), upstreams=[ALIASED])
    assert data == sound.body


def test_an_answer_in_pieces_is_renamed_as_a_whole_and_an_empty_one_stays_empty() -> None:
    pieces = Does(pieces=(ANSWER[:16], ANSWER[16:]))
    _, data = run(Several({"a": pieces}), request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED])
    assert b'"model": "gpt-3.5-turbo"' in data
    empty = Does(body=b"", headers=(("content-type", "application/json"), ("content-length", "0")))
    _, data = run(Several({"a": empty}), request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED])
    assert data == b""


def test_only_the_answer_s_own_model_is_renamed_and_only_from_a_name_that_is_the_upstream_s() -> None:
    kept = (
        b'{"metadata":{"model":"gpt-4o-mini"},"tools":[{"model":"gpt-4o-mini"}],"model":"gpt-4o-mini-search-preview"}',
        b'{"model":7}',
        b'["model"]',
        b'{"model":"\xff"}',
    )
    for original in kept:
        _, data = run(Several({"a": Does(body=original)}), request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED])
        assert data == original
    escaped = Does(body=b'{"response":{"model":"gpt-4o\\u002dmini"}}')
    _, data = run(Several({"a": escaped}), request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED])
    assert data == b'{"response":{"model":"gpt-3.5-turbo"}}'


def test_the_log_has_what_the_model_really_was() -> None:
    lines: list[str] = []
    run(Several({"a": Does(body=ANSWER)}), request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED], on=made(lines))
    assert json.loads(lines[0])["gen_ai.response.model"] == "gpt-4o-mini-2024-07-18"


def test_blanks_that_keep_a_connection_alive_go_on_at_once() -> None:
    head = (("content-type", "application/json"),)
    upstream = Several({"a": Does(pieces=(b"\n", b" \n", ANSWER), headers=head)})
    reply, data = run(upstream, request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED])
    assert data == b"\n \n" + ANSWER.replace(b"gpt-4o-mini-2024-07-18", b"gpt-3.5-turbo")
    assert reply.headers.get("content-length") is None


def test_an_answer_that_trickles_in_ends_with_the_deadline() -> None:
    slow = Does(pieces=tuple(step for _ in range(20) for step in (b"[", 0.1)))
    reply, _ = run(
        Several({"a": slow}),
        request(body=body("gpt-3.5-turbo"), deadline=0.5),
        upstreams=[ALIASED],
        settings={**SETTINGS, "ASSEMBLE": "off"},
    )
    assert reply.status == 504


def test_an_answer_that_is_too_long_to_hold_keeps_the_upstream_s_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.routing.model_alias._MAX_BYTES", 10)
    pieces = Does(pieces=(b'{"model":', b'"gpt-4o-mini"', b"}"))
    _, data = run(Several({"a": pieces}), request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED])
    assert data == b'{"model":"gpt-4o-mini"}'


def test_the_request_is_read_for_its_name_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def once(call: Any) -> str | None:
        calls.append(call)
        return requested_model(call)

    monkeypatch.setattr("proxy.routing.model_alias.requested_model", once)
    pieces = tuple(chunk("gpt-4o-mini") for _ in range(50))
    run(Several({"a": Does(headers=SSE, pieces=pieces)}), request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED])
    assert len(calls) == 1


def test_the_next_upstream_has_a_name_of_its_own() -> None:
    other = {**B, "models": "gpt-3.5-turbo", "priority": 1}
    upstream = Several({"a": refusal(500), "b": Does(body=ANSWER)})
    _, data = run(upstream, request(body=body("gpt-3.5-turbo")), upstreams=[ALIASED, other])
    assert [json.loads(outgoing.body)["model"] for outgoing in upstream.sent] == ["gpt-4o-mini", "gpt-3.5-turbo"]
    assert data == ANSWER


def test_an_alias_for_itself_changes_nothing() -> None:
    same = {**ALIASED, "aliases": {"gpt-4o": "gpt-4o"}}
    upstream = Several({"a": Does(body=ANSWER)})
    _, data = run(upstream, request(body=body("gpt-4o")), upstreams=[same])
    assert data == ANSWER and upstream.sent[0].body == body("gpt-4o")


def test_a_model_s_own_page_is_asked_for_by_the_upstream_s_name() -> None:
    upstream = Several({"a": Does(body=b'{"id":"x/y","model":"x/y"}')})
    slashed = {**ALIASED, "aliases": {"mine": "x/y"}}
    _, data = run(upstream, request("/v1/models/mine", b"", method="GET"), upstreams=[slashed])
    assert upstream.sent[0].path == "models/x%2Fy" and data == b'{"id":"mine","model":"x/y"}'
    reply, data = run(upstream, request("/v1/models/mine", b"", method="HEAD"), upstreams=[slashed])
    assert reply.status == 200 and data == b'{"id":"x/y","model":"x/y"}'  # what an adapter then leaves out


LIST = (
    b'{"object":"list","data":[{"id":"a-1","owned_by":"x"},{"id":"b-1"},{"id":"gpt-4o-mini","created":5},{"id":7},3]}'
)


def listed(upstream: Several, upstreams: Any, on: Any = None, method: str = "GET") -> tuple[int, list[str]]:
    reply, data = run(upstream, request("/v1/models", b"", method=method), upstreams=upstreams, on=on)
    return reply.status, [item["id"] for item in json.loads(data)["data"]]


def test_the_list_of_models_is_everything_that_can_be_called_by_the_name_to_call_it() -> None:
    upstream = Several({"a": Does(body=LIST), "b": Does(body=b'[{"id":"b-9"},{"id":"a-9"}]'), "all": Does(body=LIST)})
    spelled = {**B, "models": "b-*,spelled-out"}
    status, names = listed(
        upstream, [{**A, "aliases": {"mine": "gpt-4o-mini", "new": "unlisted"}}, spelled, ALL, AZURE]
    )
    assert status == 200
    # a-9 would go to a, so its entry from b does not count, nor does the entry of b-1 from a.
    assert names == ["a-1", "mine", "new", "b-9", "spelled-out", "gpt-4o-mini", "gpt-4o"]
    assert sorted(upstream.asked) == ["a/1", "all/1", "b/1"] and all(body.closed for body in upstream.bodies)


def test_an_alias_is_listed_with_what_the_upstream_says_of_its_model() -> None:
    _, data = run(Several({"a": Does(body=LIST)}), request("/v1/models", b"", method="GET"), upstreams=[ALIASED])
    assert json.loads(data)["data"] == [{"id": "gpt-3.5-turbo", "object": "model", "created": 5, "owned_by": "a"}]


def test_a_long_list_is_put_together_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    async def run_here(work: Slices[Any], _: object) -> Any:
        value, units = slices.run(work)
        done.extend(units)
        return value

    monkeypatch.setattr("proxy.endpoints.models.work.run", run_here)
    many = json.dumps({"data": [{"id": f"b-{number}", "owned_by": "b"} for number in range(5_000)]}).encode()
    one = json.dumps({"data": [{"id": "b-1", "tags": [[]] * 20_000}]}).encode()
    for answer, count in ((many, 5_000), (one, 1)):
        done.clear()
        status, names = listed(Several({"b": Does(body=answer)}), [{**B, "models": "b-*"}])
        assert (status, len(names)) == (200, count)
        assert len(done) > 10 and max(done) <= 2 * SLICE


def test_an_upstream_that_does_not_answer_is_left_out_and_the_log_says_so() -> None:
    lines: list[str] = []
    upstream = Several({"a": failing(UpstreamUnreachable()), "b": Does(body=b'{"data":[{"id":"b-1"}]}')})
    assert listed(upstream, [A, {**B, "models": "b-*"}], made(lines)) == (200, ["b-1"])
    assert json.loads(lines[0])["models_missing"] == "a"
    # Models that the configuration names are listed without it.
    assert listed(Several({"a": refusal(500)}), [{**A, "models": "a-1"}]) == (200, ["a-1"])


@pytest.mark.parametrize("answer", [b"no json", b'{"data":3}', b"[" * 100_000, b"3"])
def test_the_last_error_is_told_where_no_list_has_come(answer: bytes) -> None:
    reply, _ = run(Several({"a": Does(body=answer)}), request("/v1/models", b"", method="GET"), upstreams=[A])
    assert reply.status == 502 and error_of(reply)["code"] == "upstream_not_readable"
    refused = refusal(429, "slow")
    both = [A, {**B, "models": "b-*"}]
    reply, data = run(Several({"a": refused, "b": refused}), request("/v1/models", b"", method="GET"), upstreams=both)
    assert reply.status == 429 and data == refused.body


def test_a_slow_upstream_does_not_cost_the_whole_list() -> None:
    upstream = Several({"a": Does(body=LIST, wait=5), "b": Does(body=b'{"data":[{"id":"b-1"}]}')})
    incoming = request("/v1/models", b"", method="GET", deadline=1.0)
    reply, data = run(upstream, incoming, upstreams=[A, {**B, "models": "b-*"}])
    assert reply.status == 200 and [item["id"] for item in json.loads(data)["data"]] == ["b-1"]
    reply, _ = run(Several({"a": Does(wait=5)}), incoming, upstreams=[A])
    assert reply.status == 504 and error_of(reply)["code"] == "upstream_timeout"


def test_a_list_is_asked_for_with_the_next_key_too() -> None:
    upstream = Several({"a/1": refusal(401), "a/2": Does(body=LIST)})
    assert listed(upstream, [{**A, "keys": "k1,k2"}]) == (200, ["a-1"])


def test_one_upstream_s_list_is_relayed_as_it_is() -> None:
    for settings in ({}, SETTINGS):
        upstream = Several({"all": Does(body=LIST)})
        keys = ALL["keys"] if settings else ""
        incoming = request("/v1/models", b"", method="GET")
        _, data = run(upstream, incoming, upstreams=[{**ALL, "keys": keys}], settings=settings)
        assert data == LIST


def test_a_caller_s_own_key_sees_its_own_upstream_s_list() -> None:
    upstream = Several({"all": Does(body=LIST)})
    pass_through = [{**table, "keys": ""} for table in (A, ALL)]
    _, data = run(upstream, request("/v1/models", b"", method="GET"), upstreams=pass_through, settings={})
    assert data == LIST and upstream.asked == ["all/1"]


@pytest.mark.parametrize("path", azure.DEPLOYMENT_PATHS)
def test_azure_gets_what_the_sdk_sends_it(path: str) -> None:
    """The openai package's AzureOpenAI shows what is right, for both forms of the address."""
    seen: list[httpx.Request] = []

    def catch(sent: httpx.Request) -> httpx.Response:
        seen.append(sent)
        return httpx.Response(200, json={})

    address: str = AZURE["base_url"]
    http: Any  # the SDK's types name another package's client; it takes this one as well
    with httpx.Client(transport=httpx.MockTransport(catch)) as http:
        sdk = AzureOpenAI(azure_endpoint=address, api_key="azk", api_version="2024-10-21", http_client=http)
        sdk.post(f"/{path}", body={"model": "my deployment"}, cast_to=object)
    for base in (address, f"{address}/openai"):
        upstream = Several()
        run(upstream, request(f"/v1/{path}", body("gpt-4o")), upstreams=[{**AZURE, "base_url": base}])
        one = upstream.sent[0]
        assert f"{one.target.base_url}/{one.path}?{one.query}" == str(seen[0].url)
        assert seen[0].headers["api-key"] == one.target.key and json.loads(one.body)["model"] == "my deployment"


@pytest.mark.parametrize(
    ("method", "path", "goes", "query"),
    [
        ("POST", "/v1/responses", "responses", ""),
        ("GET", "/v1/files", "files", "limit=3&api-version=1"),
        ("POST", "/v1/chat/completions", "chat/completions", ""),
    ],
)
def test_azure_s_other_paths_have_no_deployment(method: str, path: str, goes: str, query: str) -> None:
    upstream = Several()
    incoming = request(path, body(None), method=method)
    incoming.query = query
    run(upstream, incoming, upstreams=[{**AZURE, "aliases": {}}])
    assert upstream.sent[0].path == goes
    assert upstream.sent[0].query == ("limit=3&" if query else "") + "api-version=2024-10-21"


@pytest.mark.parametrize("model", ["..", ".", "x/../y", "x%2Fy", "", "a?b", "a" * 65])
def test_a_model_that_is_no_deployment_s_name_makes_no_path(model: str) -> None:
    upstream = Several()
    reply, _ = run(upstream, request(body=body(model)), upstreams=[{**AZURE, "aliases": {}}])
    if model:
        assert reply.status == 404 and not upstream.sent
    else:
        assert upstream.sent[0].path == "chat/completions"


def test_azure_without_an_alias_takes_the_model_s_name_also_out_of_a_form() -> None:
    upstream = Several()
    run(upstream, form(FORM % (MODEL % b"whisper")), upstreams=[{**AZURE, "models": "whisper", "aliases": {}}])
    assert upstream.sent[0].path == "deployments/whisper/audio/transcriptions"


def test_a_key_in_the_model_s_place_is_not_logged() -> None:
    lines: list[str] = []
    run(Several(), request(body=body("kb")), upstreams=[A, B, ALL], on=made(lines))
    assert '"kb"' not in lines[0]
    assert startup.load({"OPENAI_API_KEY": "k1", "PROXY_KEY": "pk"}).secrets == ("pk", "k1")
