"""Path normalising, for any path at all."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import BadRequest, UnknownPath
from proxy.wire.path_table import FAMILIES, endpoint, is_listing
from proxy.wire.paths import BILLING_PATHS, LOCAL_PATHS, USAGE, check_query, normalise_path

SEGMENT = st.one_of(
    st.sampled_from(
        [
            "v1",
            "V1",
            "v3",
            "v1beta",
            "openai",
            "deployments",
            "release",
            "chat",
            "completions",
            "models",
            "..",
            ".",
            "%2e%2E",
            "",
            "https:",
            "x",
        ]
    ),
    st.sampled_from(sorted(FAMILIES)),
    st.text(alphabet="abcXYZ019-_.~%2F5e", max_size=8),
)


@given(st.lists(SEGMENT, max_size=8))
def test_a_path_is_refused_or_reaches_one_place(segments: list[str]) -> None:
    with contextlib.suppress(BadRequest, UnknownPath):
        route = normalise_path("/" + "/".join(segments))
        assert not route.path.startswith("/")
        assert ".." not in route.path.replace("%2e", ".").replace("%2E", ".").replace("%2F", "/").split("/")
        assert route.own == (route.path in LOCAL_PATHS)
        if not route.own:
            again = normalise_path(f"/v1/{route.path}")
            assert (again.path, again.own) == (route.path, route.own)


@given(st.text(max_size=30))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    with contextlib.suppress(BadRequest, UnknownPath):
        normalise_path(text)


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v1/", "/release/", "/release/v1"])
def test_the_bare_address_is_the_page(path: str) -> None:
    assert normalise_path(path).own


@pytest.mark.parametrize("path", ["/v1/a b", "/v1/é", "/v1/x?y", "/v1/%zz", "/v1/a\\b", "/v1/<x>", "/v1/\n", "/v1/%"])
def test_characters_that_belong_nowhere_are_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        normalise_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/..;/files",
        "/v1/models/..%3bx/files",
        "/v1/models/%252e%252e%252ffiles",
        "/v1/models/%c0%ae%c0%ae/files",
        "/v1/audio/..%5Cfiles",
        "/v1/models/a%2500",
    ],
)
def test_no_way_of_writing_dots_leaves_the_path_that_was_allowed(path: str) -> None:
    with pytest.raises(BadRequest):
        normalise_path(path)


@pytest.mark.parametrize("path", ["models/a..b", "models/ft:gpt%2Fx;v=1", "models/%E9%80%9A%E4%B9%89", "files/..."])
def test_names_that_only_look_odd_pass(path: str) -> None:
    assert normalise_path(f"/v1/{path}").path == path


@pytest.mark.parametrize("query", ["a=\xe9", "a=b c", "a=\n"])
def test_a_query_must_be_able_to_stand_on_the_wire(query: str) -> None:
    check_query("a=%20&b='\"<>")
    with pytest.raises(BadRequest):
        check_query(query)


@pytest.mark.parametrize(
    ("path", "protocol"),
    [("chat/completions", "chat"), ("completions", "completions"), ("responses", "responses"), ("embeddings", "other")],
)
def test_the_protocol_follows_from_the_path(path: str, protocol: str) -> None:
    assert normalise_path(f"/v1/{path}").protocol == protocol


@example("api/v3", ["v1beta", "models"])
@given(
    st.sampled_from(["api/v3", "api/paas/v4", "v1beta/openai", "openai/deployments/x", "v2", "v3/openai"]),
    st.lists(SEGMENT, min_size=1, max_size=5),
)
def test_behind_a_provider_s_own_path_is_a_call_of_the_table_or_nothing(base: str, segments: list[str]) -> None:
    with contextlib.suppress(BadRequest, UnknownPath):
        path = normalise_path(f"/{base}/{'/'.join(segments)}").path
        has_v1 = "v1" in [segment.lower() for segment in segments] or "https:" in segments
        assert has_v1 or is_listing("GET", path) or endpoint(path) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/api/v3/contents/generations/tasks",
        "/api/v3/responses/resp_1",
        "/v1beta/chat",
        "/v1beta",
        "/openai/deployments",
        "/openai/deployments/x",
        "/deployments/x/chat/completions",
        "/api/v3",
        "/api/v9",
        "/dashboard/billing",
        "/dashboard/billing/invoices",
        "/api/v3/dashboard/billing/usage",
        "/prod/my-own/v1/dashboard/billing",
        "/api/v3x/chat/completions",
        "/api/v33/chat/completions",
    ],
)
def test_other_paths_of_providers_stay_unknown(path: str) -> None:
    with pytest.raises(UnknownPath):
        normalise_path(path)


@pytest.mark.parametrize("prefix", ["", "/v1", "/release", "/prod/my-own/v1", "/v1/chat/completions"])
def test_a_balance_and_what_was_spent_are_behind_every_spelling(prefix: str) -> None:
    for path in (*BILLING_PATHS, USAGE):
        route = normalise_path(f"{prefix}/{path}")
        assert (route.path, route.own) == (path, path == USAGE)


@pytest.mark.parametrize(
    "path", ["/api/v3/chat/completions/..;/files", "/openai/deployments/..%2fx/chat/completions", "/api/v3/%2e./files"]
)
def test_dots_hide_behind_no_provider_s_path(path: str) -> None:
    with pytest.raises(BadRequest):
        normalise_path(path)


def test_a_long_path_of_versions_is_no_work() -> None:
    started = time.perf_counter()
    for path in ("/v2/chat" * 249, "/openai/deployments" * 105, "/x/v3" + "/chat/completions" * 117):
        with contextlib.suppress(UnknownPath):
            normalise_path(path)
    assert time.perf_counter() - started < 0.1
