"""Paths: whatever is asked for stays below the base URL's path, and a server's key pays for inference only.

The model in here is another one than proxy/wire/paths.py: it decodes as often as it can and takes every character for a
separator that any server ever took for one.
"""

from __future__ import annotations

import contextlib
import re
import time
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy import startup
from proxy.access.auth import admit, check_path
from proxy.errors import BadRequest, MethodNotAllowed, PathNotAllowed, UnknownPath
from proxy.messages import Headers
from proxy.wire.paths import MAX_PATH, normalise_path
from tests.support.core import Listed, request, run
from tests.support.hostile import METHODS, PATHS, times

SERVER = {"OPENAI_API_KEY": "sk-server", "PROXY_KEY": "pk-one"}
CONFIG = startup.load(SERVER)
SENT = (("authorization", "Bearer pk-one"),)
CALLER = admit(Headers(SENT), CONFIG, 0.0)
INFERENCE = {b"chat/completions", b"completions", b"responses", b"embeddings", b"moderations"}
JSON = (("content-type", "application/json"),)


def readings(path: str) -> set[bytes]:
    """Every path that a server behind us could make of this one, by decoding it again and again."""
    found, data = set(), path.encode("utf-8", "surrogatepass")
    while data not in found:
        found.add(data)
        data = unquote_to_bytes(data)
    return found


def climbs(path: str) -> bool:
    """Whether any reading has a segment of dots, with every separator that there ever was and all that hides dots."""
    for reading in readings(path):
        plain = re.sub(rb"\xc0\xae|\xe0\x80\xae|\xf0\x80\x80\xae", b".", reading)
        if re.search(rb"[\x00-\x1f\x7f]", plain):
            return True
        for segment in re.split(rb"[/\\]", plain):
            if re.split(rb"[;?#]", segment)[0].strip(b" ") in (b".", b".."):
                return True
    return False


def is_inference(method: str, path: str) -> bool:
    """By all readings of it, not by one."""
    for reading in readings(path):
        parts = [part for part in reading.split(b"/") if part]
        first = parts[0] if parts else b""
        posts = method == "POST" and (
            b"/".join(parts) in INFERENCE or (first in (b"audio", b"images") and len(parts) > 1)
        )
        if not posts and not (method in ("GET", "HEAD") and first == b"models"):
            return False
    return True


@times(1_500)
@given(PATHS)
@example("/v1/models/%e0%80%ae%e0%80%ae/files")
@example("/v1/models/%f0%80%80%ae%f0%80%80%ae/files")
@example("/v1/models/..%3f/files")
@example("/v1/models/..%23/files")
@example("/v1/models/..%20/files")
@example("/v1/models/%2e%2e%3b/files")
def test_no_path_leads_out_of_the_base_url(path: str) -> None:
    with contextlib.suppress(BadRequest, UnknownPath):
        up = normalise_path(path).path
        assert not climbs(up)
        assert not up.startswith("/") and "//" not in up and not re.search(r"[\s\\?#\x00-\x20\x7f-\U0010ffff]", up)


@times(1_500)
@given(METHODS, PATHS)
def test_a_key_that_the_server_holds_pays_for_inference_only(method: str, path: str) -> None:
    with contextlib.suppress(BadRequest, MethodNotAllowed, UnknownPath, PathNotAllowed):
        route = normalise_path(path)
        if not route.own:
            check_path(CALLER, method, route, CONFIG)
            assert is_inference(method, route.path), (method, route.path)


@times(600)
@given(st.sampled_from(["", "/", "/v1", "/v1/models", "/v1/audio", "/release/v1/images"]), METHODS, PATHS)
def test_what_goes_up_of_a_call_is_the_configured_host_and_inference(front: str, method: str, path: str) -> None:
    """The same through relay(), with headers that other proxies would follow to another host."""
    sent = (*SENT, ("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("x-original-url", "/v1/files"))
    upstream = Listed(b"{}", headers=(*JSON, ("location", "https://evil.example/")), status=307)
    run(upstream, request(front + path, headers=sent, method=method), settings=SERVER)
    assert len(upstream.sent) <= 1  # a Location is not followed
    for up in upstream.sent:
        assert up.target.base_url == "https://api.openai.com/v1" and up.target.key == "sk-server"
        assert not climbs(up.path) and is_inference(up.method, up.path)
        assert not [value for _, value in up.headers if "evil" in value or "files" in value]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/%" + "25" * 500_000,
        "/v1/" + "completions/" * 80_000,
        "/v1" * 300_000,
        "/" * 1_000_000,
        "/v1/" + "a" * MAX_PATH,
    ],
    ids=["encoded again and again", "one endpoint behind another", "v1 behind v1", "slashes", "one too long"],
)
def test_a_path_of_a_megabyte_is_refused_at_once(path: str) -> None:
    """Looked at character by character for each of its characters, one of these would take minutes."""
    began = time.process_time()
    upstream = Listed(b"{}", headers=JSON)
    reply, _ = run(upstream, request(path))
    assert (reply.status, upstream.sent) == (400, [])
    assert time.process_time() - began < 2


def test_the_longest_path_that_is_taken_costs_little() -> None:
    for path in ("/v1/%" + "25" * 990, "/v1/" + "completions/" * 165, "/v1" * 660):
        began = time.process_time()
        with contextlib.suppress(BadRequest, UnknownPath):
            normalise_path(path)
        assert time.process_time() - began < 0.5
