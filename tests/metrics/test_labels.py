"""Labels: each from a bounded set, whatever callers and upstreams send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from prometheus_client import CollectorRegistry, Counter

from proxy.metrics.labels import LabelSets, Names, is_own_page, path_label, status_label
from proxy.wire.path_table import ENDPOINTS, INPUT_TOKENS

PATHS = {row.path for row in ENDPOINTS} | {INPUT_TOKENS, "models", "other"}


@pytest.mark.parametrize(
    ("method", "path", "label"),
    [
        ("POST", "/v1/chat/completions", "chat/completions"),
        ("POST", "/chat/completions/input_tokens", INPUT_TOKENS),
        ("POST", "/v1beta/models/gemini-9:generateContent", "v1beta/models/{model}:generateContent"),
        ("POST", "/v1beta/models/*", "other"),
        ("GET", "/v1/models", "models"),
        ("GET", "/v1/models/gpt-x", "models"),
        ("GET", "/v1beta/models/gemini-9", "models"),
        ("POST", "/v1/models", "other"),
        ("GET", "/v1/chat/completions/chatcmpl-1", "other"),
        ("POST", "/v1/files", "other"),
        ("POST", "/wp-login.php", "other"),
    ],
)
def test_a_path_is_its_row(method: str, path: str, label: str) -> None:
    assert path_label(method, path) == label


@given(some.sampled_from(["GET", "POST", "*", "HEAD"]), some.text(max_size=60))
def test_every_path_and_method_has_one_of_a_few_labels(method: str, path: str) -> None:
    for text in (path, f"/v1/{path}", f"/v1beta/models/{path}", f"/v1/chat/completions/{path}"):
        assert path_label(method, text) in PATHS


@given(some.integers(0, 10**6))
def test_every_status_has_one_of_a_few_labels(status: int) -> None:
    label = status_label(status)
    assert label == str(status) or label in {f"{digit}xx" for digit in range(10)}
    assert len({status_label(number) for number in range(1000)}) < 110


def test_statuses_that_are_told_apart() -> None:
    assert [status_label(number) for number in (200, 429, 499, 529, 599, 999)] == [
        *("200", "429", "499", "529", "5xx", "9xx")
    ]


def test_own_pages_are_no_calls() -> None:
    assert is_own_page("GET", "/healthz") and is_own_page("GET", "/metrics") and is_own_page("GET", "/")
    assert is_own_page("OPTIONS", "/v1/chat/completions")
    assert not is_own_page("POST", f"/{INPUT_TOKENS}") and not is_own_page("GET", "/v1/models")


@given(some.lists(some.text(max_size=5), max_size=40))
def test_names_beyond_the_limit_are_one(texts: list[str]) -> None:
    names = Names(3)
    labels = [names(text) for text in texts]
    assert len(set(labels) - {"other"}) <= 3
    first = list(dict.fromkeys(texts))[:3]
    assert all(label == (text if text in first else "other") for text, label in zip(texts, labels, strict=True))


def test_sets_of_labels_beyond_the_limit_are_one() -> None:
    registry = CollectorRegistry()
    children = LabelSets(Counter("x", "y", ("a", "b"), registry=registry), 2)
    for number in range(9):
        children(str(number), "b").inc()
        children(str(number), "b").inc()
    (metric,) = registry.collect()
    counts = {tuple(sample.labels.values()): sample.value for sample in metric.samples if sample.name == "x_total"}
    assert counts == {("0", "b"): 2, ("1", "b"): 2, ("other", "other"): 14}
