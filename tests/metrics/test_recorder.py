"""What is counted of a call, and that nothing else can appear."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from proxy import metrics
from proxy.errors import NotInstalled
from proxy.messages import Headers, Request
from proxy.metrics.labels import OTHER
from proxy.metrics.recorder import MAX_CALL_SETS, MAX_MODELS, Recorder
from tests.support.core import JSON_HEAD, SSE, Body, Listed, host, request
from tests.support.metrics import USAGE, Recorded, fields, parsed, value, values_of

CHAT = "chat/completions"


def test_a_call_is_counted_with_all_its_figures() -> None:
    server = Recorded(METERING="on", OPENAI_BASE_URL="https://api.openai.com")
    reported = USAGE.replace(b"gpt-x", b"gpt-4o")
    server.call(request(body=b'{"model":"gpt-4o"}'), Listed(reported, headers=JSON_HEAD, wait=2))
    found = server.samples()
    assert value(found, "sluice_calls_total", path=CHAT, status="200", ending="complete", upstream="default") == 1
    assert value(found, "sluice_call_duration_seconds_count", path=CHAT, upstream="default") == 1
    assert 2 <= value(found, "sluice_call_duration_seconds_sum", path=CHAT) < 2.1
    assert value(found, "sluice_call_duration_seconds_bucket", path=CHAT, le="1.0") == 0
    assert value(found, "sluice_call_duration_seconds_bucket", path=CHAT, le="2.5") == 1
    assert value(found, "sluice_request_bytes_total", path=CHAT) == 18
    assert value(found, "sluice_response_bytes_total", path=CHAT) == len(reported)
    for kind, count in {"input": 30, "output": 12, "cached": 5, "reasoning": 7}.items():
        assert value(found, "sluice_tokens_total", kind=kind, model="gpt-4o", upstream="default") == count
    line = json.loads(server.lines[-1])
    assert line["cost_usd"] > 0
    cost = value(found, "sluice_cost_usd_total", model="gpt-4o", upstream="default")
    assert cost == pytest.approx(line["cost_usd"])
    assert value(found, "sluice_build_info") == 1 and value(found, "sluice_calls_running") == 0
    assert not any(name.endswith("_created") for name, _ in found)
    assert not any(name.startswith(("sluice_refusals", "sluice_time_to")) for name, _ in found)


def test_only_streams_have_a_time_to_the_first_chunk() -> None:
    server = Recorded()
    server.call(request(), Listed(b"data: {}\n\n", 4.0, b"data: [DONE]\n\n", headers=SSE, wait=1))
    found = server.samples()
    assert value(found, "sluice_time_to_first_chunk_seconds_bucket", path=CHAT, le="1.5") == 1
    assert value(found, "sluice_time_to_first_chunk_seconds_bucket", path=CHAT, le="0.8") == 0
    assert value(found, "sluice_call_duration_seconds_bucket", path=CHAT, le="2.5") == 0


def test_a_running_call_is_counted_until_its_end() -> None:
    server = Recorded()

    class Looks(Listed):
        async def send(self, outgoing):  # type: ignore[no-untyped-def]
            assert value(server.samples(), "sluice_calls_running") == 1
            return await super().send(outgoing)

    server.call(upstream=Looks(USAGE, headers=JSON_HEAD))
    assert value(server.samples(), "sluice_calls_running") == 0


def test_a_refusal_is_counted_by_its_code_and_an_upstream_s_error_is_none() -> None:
    server = Recorded()
    server.call(request(headers=()))
    server.call(request("/nothing"))
    server.call(upstream=Listed(b'{"error":{}}', status=429, headers=JSON_HEAD))
    found = server.samples()
    assert value(found, "sluice_refusals_total", code="missing_api_key") == 1
    assert value(found, "sluice_refusals_total", code="unknown_path") == 1
    assert value(found, "sluice_refusals_total") == 2
    assert value(found, "sluice_calls_total", path=OTHER, status="404", upstream="") == 1
    assert value(found, "sluice_calls_total", status="429", upstream="default") == 1
    assert value(found, "sluice_calls_running") == 0


def test_own_pages_and_preflights_are_not_counted() -> None:
    server = Recorded()
    for method, path in (("GET", "/healthz"), ("GET", "/"), ("OPTIONS", "/v1/chat/completions"), ("POST", "/metrics")):
        server.call(request(path, b"", method=method))
    assert not any(name.startswith("sluice_calls_total") for name, _ in server.samples())
    server.call(request("/v1/chat/completions/input_tokens", b'{"model":"m","messages":[]}'))
    found = server.samples()
    assert value(found, "sluice_calls_total", path="chat/completions/input_tokens", status="200") == 1
    assert value(found, "sluice_calls_running") == 0


def test_calls_are_counted_whatever_the_log_level_is() -> None:
    server = Recorded(LOG_LEVEL="off")
    server.call()
    assert not server.lines and value(server.samples(), "sluice_calls_total") == 1


class Failing:
    """An observer in which everything fails."""

    def begun(self) -> None:
        raise RuntimeError("on purpose")

    def finished(self, fields: dict[str, object], was_running: bool) -> None:
        raise RuntimeError("on purpose")


def test_counting_that_fails_never_fails_a_call() -> None:
    server = Recorded()
    server.host.observer = Failing()
    assert server.call().status == 200
    assert json.loads(server.lines[-1])["ending"] == "complete"


def page_of(recorder: Recorder) -> str:
    from prometheus_client import generate_latest

    return generate_latest(recorder.registry).decode()


def test_failures_of_the_store_are_counted_by_their_reason() -> None:
    recorder = Recorder()
    recorder.finished(fields(store_error="timeout"), was_running=False)
    assert value(parsed(page_of(recorder)), "sluice_store_failures_total", reason="timeout") == 1


@pytest.mark.parametrize("amount", [-5.0, float("inf"), float("nan"), 10**400, None])
def test_an_impossible_amount_spoils_no_sum(amount: float | None) -> None:
    recorder = Recorder()
    recorder.finished(fields(cost_usd=amount, bytes_out=amount), was_running=False)
    recorder.finished(fields(cost_usd=2.5, bytes_out=3), was_running=False)
    found = parsed(page_of(recorder))
    assert value(found, "sluice_cost_usd_total") == 2.5 and value(found, "sluice_response_bytes_total") == 3


def test_models_have_labels_while_there_is_room() -> None:
    recorder = Recorder()
    for number in range(3 * MAX_MODELS):
        used = {"gen_ai.request.model": f"m{number}", "gen_ai.usage.input_tokens": 1}
        recorder.finished(fields(**{"gen_ai.request.model": f"unused{number}"}), was_running=False)
        recorder.finished(fields(**used), was_running=False)
    found = parsed(page_of(recorder))
    assert values_of(found, "model") == {OTHER, *(f"m{number}" for number in range(MAX_MODELS))}
    assert value(found, "sluice_tokens_total") == 3 * MAX_MODELS


def test_labels_of_calls_are_bounded_together() -> None:
    recorder = Recorder()
    for number in range(2 * MAX_CALL_SETS):
        recorder.finished(fields(ending=f"e{number}"), was_running=False)
    found = parsed(page_of(recorder))
    assert len([name for name, _ in found if name == "sluice_calls_total"]) == MAX_CALL_SETS + 1
    assert value(found, "sluice_calls_total") == 2 * MAX_CALL_SETS


def test_without_the_package_the_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("proxy.metrics.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    bare = host()
    metrics.attach(bare)
    assert bare.observer is None and bare.metrics_page is not None
    with pytest.raises(NotInstalled, match=r"pip install prometheus_client") as raised:
        bare.metrics_page()
    assert (raised.value.status, raised.value.code) == (501, "metrics_not_installed")


# What a caller can fill with anything. The canary stands for a prompt or a key.
CANARY = "canary"
KEYS = ("sk-canary-of-the-owner", "canary-proxy-key", "canary-admin-key-of-the-owner")
TEXTS = some.text(some.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(lambda text: CANARY + text)
HEADERS = "authorization api-key x-api-key user-agent x-title traceparent tracestate host origin x-request-id".split()


@settings(max_examples=60)
@given(
    some.lists(
        some.fixed_dictionaries(
            {
                "method": some.sampled_from(["POST", "GET", "CANARY", "OPTIONS"]),
                "base": some.sampled_from(
                    ["/v1/chat/completions", "/v1/responses/", "/v1beta/models/", "/v1/models/", "/v1/files/", "/", ""]
                ),
                "path": some.one_of(some.just(""), TEXTS),
                "query": TEXTS,
                "headers": some.lists(some.tuples(some.sampled_from(HEADERS), TEXTS), max_size=4),
                "model": some.one_of(TEXTS.map(lambda text: f"{text} with a prompt"), some.sampled_from(KEYS)),
                "prompt": TEXTS,
                "stream": some.booleans(),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_key_no_prompt_and_nothing_that_a_caller_invents_becomes_a_label(calls: list[dict[str, object]]) -> None:
    server = Recorded(**dict(zip(("OPENAI_API_KEY", "PROXY_KEY", "ADMIN_KEY"), KEYS, strict=True)))
    for one in calls:
        texts = {name: str(one[name]) for name in ("base", "path", "query", "model", "prompt")}
        body = {
            "model": texts["model"],
            "stream": one["stream"],
            "user": texts["prompt"],
            "messages": [{"role": "user", "content": texts["prompt"]}],
        }
        headers = [*one["headers"], ("authorization", "Bearer canary-proxy-key")]  # type: ignore[misc]
        asked = Request(
            str(one["method"]),
            texts["base"] + texts["path"],
            texts["query"],
            Headers(headers),
            json.dumps(body).encode(),
        )
        server.call(asked, Echo(json.dumps({"model": texts["model"], "usage": {"prompt_tokens": 3}}).encode()))
    assert CANARY not in server.text().lower()
    assert len(server.samples()) < 200


class Echo(Listed):
    """Answers every call with what the caller wrote."""

    def __init__(self, said: bytes) -> None:
        super().__init__(said, headers=(*JSON_HEAD, ("x-request-id", "canary-id")))
        self.body = Body(said)
