"""Guards by themselves: what they do where no door leads to them today, and at the edges of a window."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from proxy import startup
from proxy.access import strict_body
from proxy.call import Call
from proxy.cost import estimate
from proxy.errors import BadRequest, NotInstalled
from proxy.routing import refusals
from proxy.wire import bounded_json, safe_json
from proxy.wire.paths import Route
from tests.support.core import Listed, host, request


def test_a_bundle_that_cannot_count_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "proxy.cost.upper_bound", None)
    monkeypatch.delattr("proxy.cost.upper_bound", raising=False)
    call = Call(request(), startup.load({}), host(), Listed())
    with pytest.raises(NotInstalled):
        asyncio.run(estimate.prompt_bound(call))


def test_a_call_without_a_body_has_nothing_to_be_read() -> None:
    call = Call(request("/v1/batches/b/cancel", b""), startup.load({}), host(), Listed())
    call.route = Route("batches/b/cancel", own=False)
    asyncio.run(strict_body.read(call, "its tokens are counted"))
    assert call.body.document is None


def test_very_many_values_are_no_answer_of_a_model() -> None:
    with pytest.raises(ValueError, match="too many values"):
        bounded_json.loads(b"[" + b"1," * 3_000_000 + b"1]")


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (500, b'{"detail":[{"loc":["body","stream_options"]}]}', False),
        (400, b'{"detail":[{"loc":["body","stream_options"]}]}', True),
        (400, b'{"detail":[{"loc":["body","stream_options"]}]', False),
        (400, b'{"detail":[{"loc":1},2]}', False),
        (400, b"stream_options", False),
        (400, b'{"loc":1}' + b" " * 20_000, False),
    ],
)
def test_a_refusal_names_a_field_by_its_place(status: int, body: bytes, named: bool) -> None:
    refused: Any = SimpleNamespace(status=status, fields=lambda: {"param": None}, body=lambda: body)
    assert refusals.names_field(refused, ("stream_options",)) is named


def test_a_name_that_stands_twice_is_found_across_windows() -> None:
    members = ",".join(f'"k{number}":"{"x" * 50}"' for number in range(5_000))
    more = ",".join(f'"n{number}":1' for number in range(5_000))
    data = f'{{"a":{{{members},{more},"k1":1,{more.replace("n", "m")}}}}}'.encode()
    with pytest.raises(BadRequest, match="k1") as raised:
        list(safe_json.read(data))
    assert raised.value.code == "duplicate_key"


def test_long_members_let_others_run() -> None:
    members = ",".join(f'"k{number}":"{"x" * 1_000}"' for number in range(900))
    slices = sum(1 for _ in safe_json.read(f"{{{members}}}".encode()))
    assert slices > 1
