"""The built bundle under AWS's own emulator: awslambdaric with the buffered function, and our streaming client too."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lambda_cold import client_alone
from proxy.wire import sse
from tests.support import parts, rie
from tests.support.bundles import Bundles
from tests.support.client import call
from tests.support.events import recorded
from tests.support.upstream import Upstream, stream, whole

pytestmark = pytest.mark.any_python("the bundle is for AWS's own Python, newer than 3.10")
TEXT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"\xe5\xa5\xbd"}}]}\n\n'
PATH = "/2015-03-31/functions/function/invocations"


@pytest.fixture(scope="module")
def folder(bundles: Bundles) -> Path:
    return bundles("aws") / "aws"


@pytest.fixture(scope="module", params=["AWS_Lambda_python3.13", "AWS_Lambda_Image"])
def buffered(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory, _upstream: Upstream
) -> Iterator[int]:
    """awslambdaric, the client of the managed runtime, on this Python, with nothing else than the bundle beside it.

    Once as the runtime that writes Chinese as it is, once as one that writes six bytes for three.
    """
    if importlib.util.find_spec("awslambdaric") is None:
        pytest.skip("awslambdaric is there for Linux alone")
    if tuple(sys.version_info[:2]) < (3, 12):
        pytest.skip("the bundle is for Lambda's Pythons, 3.12 and newer; the newer test run has this")
    client = client_alone(tmp_path_factory.mktemp("ric"))
    command = [sys.executable, "-S", "-m", "awslambdaric", "handler.lambda_handler"]
    path = f"{folder}:{client}"
    environ = {"OPENAI_BASE_URL": _upstream.url, "AWS_EXECUTION_ENV": request.param, **parts.coverage()}
    with rie.running(command, folder, PYTHONPATH=path, **environ) as port:
        yield port


def invoke(port: int, event: Any) -> Any:
    result = call(port, "POST", PATH, (("Content-Type", "application/json"),), json.dumps(event).encode())
    assert result.status == 200, result.body
    return json.loads(result.body)


@pytest.mark.parametrize("name", ["aws-function-url", "aws-http-api", "aws-rest-api", "aws-alb"])
def test_recorded_events_are_answered(name: str, buffered: int, upstream: Upstream) -> None:
    upstream.play(stream(TEXT, b"data: [DONE]\n\n"))
    answer = invoke(buffered, recorded(name))
    assert (answer["statusCode"], answer["body"]) == (200, (TEXT + b"data: [DONE]\n\n").decode())


def test_binary_and_unknown_events_are_answered(buffered: int, upstream: Upstream) -> None:
    upstream.play(whole(bytes(range(256)), kind="audio/mpeg"))
    answer = invoke(buffered, recorded("aws-function-url"))
    assert base64.b64decode(answer["body"]) == bytes(range(256))
    assert invoke(buffered, {"nothing": 1})["statusCode"] == 400


def test_an_answer_above_lambda_s_limit_leaves_the_runtime_alive(buffered: int, upstream: Upstream) -> None:
    """Above 6,291,556 bytes the runtime itself would exit; ours is told before, and the next call is warm."""
    for size, status in ((6_000_000, 200), (6_291_556, 502)):
        upstream.play(whole(b'"' + b"x" * size + b'"'))
        assert invoke(buffered, recorded("aws-function-url"))["statusCode"] == status
    upstream.play(whole(b"{}"))
    assert invoke(buffered, recorded("aws-function-url"))["statusCode"] == 200


def test_streams_above_lambda_s_limit_are_merged_or_end_by_length(buffered: int, upstream: Upstream) -> None:
    """AWS's own count, to the byte: what we let through it takes, Chinese and quotation marks included."""
    for text, count, mark in (('好 word "a"\n', 60_000, None), ("好" * 2000, 2_000, "response_limit")):
        delta = {"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        one = b"data: " + json.dumps(delta, ensure_ascii=False).encode() + b"\n\n"
        assert len(one) * count > 6_291_556
        upstream.play(stream(*([one * 100] * (count // 100)), b"data: [DONE]\n\n"))
        answer = invoke(buffered, recorded("aws-function-url"))
        assert (answer["statusCode"], answer["headers"].get("x-sluice-truncated")) == (200, mark)
        deltas = [found["choices"][0]["delta"].get("content", "") for found in sse.objects(answer["body"].encode())]
        got = "".join(deltas)
        assert got == text * count if mark is None else (text * count).startswith(got) and len(got) > 900_000
        assert answer["body"].endswith("data: [DONE]\n\n")


def test_the_streaming_client_is_taken_by_aws_s_own_runtime_api(
    folder: Path, upstream: Upstream, tmp_path: Path
) -> None:
    """Its front buffers and keeps the prelude in the body; chunk timing is the simulator's to prove."""
    upstream.play(stream(TEXT, TEXT, b"data: [DONE]\n\n"))
    stand_in = tmp_path / "python3.13"  # nothing but the bundle: what is installed here must not fill a gap in it
    stand_in.write_text(f'#!/bin/bash\nexec {parts.need_python("3.13")} -S "$@"\n')
    stand_in.chmod(0o755)
    command = [str(folder / "aws_bootstrap"), str(stand_in)]
    with rie.running(command, folder, OPENAI_BASE_URL=upstream.url) as port:
        for _ in range(3):
            raw = json.dumps(recorded("aws-function-url")).encode()
            result = call(port, "POST", PATH, (("Content-Type", "application/json"),), raw)
            told, _, body = result.body.partition(b"\0" * 8)
            assert json.loads(told)["statusCode"] == 200
            assert json.loads(told)["headers"]["content-type"] == "text/event-stream"
            assert body == TEXT * 2 + b"data: [DONE]\n\n"
