"""The checker `tencent`: verdicts, failures, signatures and credentials."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import startup
from proxy.errors import ConfigError
from proxy.moderation.checkers import tencent
from proxy.moderation.verdict import CheckFailed, Text, Verdict
from tests.support.checkers import HOST, KEYS, answering, ask, tms


@pytest.mark.parametrize(
    ("suggestion", "verdict"),
    [
        ("Pass", Verdict("pass")),
        ("Review", Verdict("review", "tencent:Porn")),
        ("Block", Verdict("block", "tencent:Porn")),
    ],
)
def test_tencent_s_verdicts(suggestion: str, verdict: Verdict) -> None:
    upstream = answering(tms(suggestion))
    assert ask("tencent", upstream, [Text("你好")], **KEYS, TMS_BIZ_TYPE="mine", TMS_REGION="ap-singapore") == verdict
    (sent,) = upstream.asked
    assert (sent.target.base_url, sent.target.key, sent.path) == ("https://tms.tencentcloudapi.com", "", "")
    assert json.loads(sent.body) == {"Content": base64.b64encode("你好".encode()).decode(), "BizType": "mine"}
    headers = dict(sent.headers)
    assert (headers["x-tc-action"], headers["x-tc-version"]) == ("TextModeration", "2020-12-29")
    assert headers["x-tc-region"] == "ap-singapore" and "x-tc-token" not in headers


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "no"}}}, "AuthFailure"),
        ({"Response": {"Error": {}}}, "malformed"),
        (tms("Perhaps"), "malformed"),
        ({"Response": "Pass"}, "malformed"),
    ],
)
def test_tencent_s_errors_are_failures(value: Any, message: str) -> None:
    with pytest.raises(CheckFailed, match=message):
        ask("tencent", answering(value), [Text("x")], **KEYS)


def test_an_international_account_has_another_host() -> None:
    upstream = answering(tms("Pass"))
    host = "tms.intl.tencentcloudapi.com"
    ask("tencent", upstream, [Text("x")], **KEYS, TMS_HOST=host, TMS_REGION="ap-singapore")
    (sent,) = upstream.asked
    headers = dict(sent.headers)
    now = int(headers["x-tc-timestamp"])
    assert sent.target.base_url == f"https://{host}"
    assert headers["authorization"] == tencent.signature(host, "AKIDexample", "secret", sent.body, now)
    assert headers["authorization"] != tencent.signature(HOST, "AKIDexample", "secret", sent.body, now)


def test_texts_are_checked_in_parts_of_10_000_characters_up_to_the_first_that_is_blocked() -> None:
    text = "字" * 25_000
    upstream = answering(tms("Pass"))
    ask("tencent", upstream, [Text(text)], **KEYS)
    sent = [base64.b64decode(json.loads(outgoing.body)["Content"]).decode() for outgoing in upstream.asked]
    assert [len(item) for item in sent] == [10_000, 10_000, 5_000] and "".join(sent) == text
    upstream = answering(tms("Block"))
    assert ask("tencent", upstream, [Text(text)], **KEYS).level == "block" and len(upstream.asked) == 1


def test_without_keys_those_of_the_function_s_role_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="Set TMS_SECRET_ID"):
        startup.load({"MODERATION": "tencent"})
    monkeypatch.setenv("TENCENTCLOUD_SECRETID", "AKIDrole")
    monkeypatch.setenv("TENCENTCLOUD_SECRETKEY", "role-secret")
    monkeypatch.setenv("TENCENTCLOUD_SESSIONTOKEN", "token")
    with pytest.raises(ConfigError, match="Set TMS_SECRET_KEY"):
        startup.load({"MODERATION": "tencent", "TMS_SECRET_ID": "AKIDexample"})
    upstream = answering(tms("Pass"))
    ask("tencent", upstream, [Text("x")])
    headers = dict(upstream.asked[0].headers)
    assert headers["x-tc-token"] == "token" and "Credential=AKIDrole/" in headers["authorization"]


@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    text=st.text(max_size=50),
    now=st.integers(1_600_000_000, 2_000_000_000),
)
def test_the_request_is_signed_as_tencent_s_own_sdk_signs_it(secret: str, text: str, now: int) -> None:
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.http.request import RequestInternal
    from tencentcloud.tms.v20201229.tms_client import TmsClient

    theirs = RequestInternal(HOST, "POST", "/", header={})
    with warnings.catch_warnings(), mock.patch("tencentcloud.common.abstract_client.time.time", return_value=now):
        warnings.simplefilter("ignore")  # the SDK asks for the time in a way that Python wants to get rid of
        client = TmsClient(Credential("AKIDexample", secret), "ap-guangzhou")
        client._build_req_with_tc3_signature("TextModeration", {"Content": text}, theirs)
    body = theirs.data.encode()
    assert tencent.signature(HOST, "AKIDexample", secret, body, now) == theirs.header["Authorization"]


def test_the_request_has_the_sdk_s_headers() -> None:
    from tencentcloud.common.http.request import RequestInternal
    from tencentcloud.tms.v20201229.tms_client import TmsClient

    upstream = answering(tms("Pass"))
    ask("tencent", upstream, [Text("x")], **KEYS)
    (sent,) = upstream.asked
    headers = dict(sent.headers)
    theirs = RequestInternal(HOST, "POST", "/", header={})
    now = int(headers["x-tc-timestamp"])
    with warnings.catch_warnings(), mock.patch("tencentcloud.common.abstract_client.time.time", return_value=now):
        warnings.simplefilter("ignore")
        client = TmsClient(credential(), "ap-guangzhou")
        client._build_req_with_tc3_signature("TextModeration", json.loads(sent.body), theirs)
    theirs.header.pop("Host")
    theirs.header.pop("X-TC-RequestClient")  # names the SDK
    theirs.header.pop("X-TC-Language", None)
    assert {name.lower(): value for name, value in theirs.header.items()}.items() <= headers.items()


def credential() -> Any:
    from tencentcloud.common.credential import Credential

    return Credential(KEYS["TMS_SECRET_ID"], KEYS["TMS_SECRET_KEY"])
