"""Tencent Cloud's TMS TextModeration, without their SDK, which is larger than this whole project.

The request: cloud.tencent.com/document/api/1124/51860, for international accounts
tencentcloud.com/document/api/1121/46072 (both read 2026-11-24). The tests compare the signature,
TC3-HMAC-SHA256, with the SDK's.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from proxy.call import Call
from proxy.errors import ConfigError
from proxy.moderation import service_call
from proxy.moderation.verdict import BLOCK, PASS, REVIEW, CheckFailed, Text, Verdict, most_severe
from proxy.settings.config import Config
from proxy.upstream import Target

PIECE_LENGTH = 10_000  # the most characters in one request
_ACTION, _VERSION = "TextModeration", "2020-12-29"
_LEVELS = {"Pass": PASS, "Review": REVIEW, "Block": BLOCK}
# The platform sets the keys of the function's role. They are temporary, so each check reads them again.
_ROLE_VARIABLES = ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN")


def check_config(config: Config) -> None:
    """As Checker.check_config."""
    for name, value in (("TMS_SECRET_ID", config.tms_secret_id), ("TMS_SECRET_KEY", config.tms_secret_key)):
        has_one = config.tms_secret_id or config.tms_secret_key
        has_role = all(os.environ.get(variable) for variable in _ROLE_VARIABLES[:2])
        if not value and (has_one or not has_role):
            raise ConfigError(
                f"Set {name}: MODERATION names tencent, which needs it unless the function has a role with keys.",
                param=name,
            )


async def check(call: Call, texts: Sequence[Text]) -> Verdict:
    """As Checker.check. Sends one request per 10,000 characters, one after the other."""
    verdicts: list[Verdict] = []
    for piece in service_call.split_texts(texts, PIECE_LENGTH):
        verdicts.append(await _check_piece(call, piece))
        if verdicts[-1].level == BLOCK:
            break
    return most_severe(verdicts)


async def _check_piece(call: Call, text: str) -> Verdict:
    config = call.config
    content: dict[str, Any] = {"Content": base64.b64encode(text.encode("utf-8", "replace")).decode()}
    if config.tms_biz_type:
        content["BizType"] = config.tms_biz_type
    body = json.dumps(content).encode()
    secret_id, secret_key, token = _credentials(config)
    now = int(call.host.clock.wall())
    headers = [
        ("authorization", signature(config.tms_host, secret_id, secret_key, body, now)),
        ("x-tc-action", _ACTION),
        ("x-tc-version", _VERSION),
        ("x-tc-region", config.tms_region),
        ("x-tc-timestamp", str(now)),
    ]
    if token:
        headers.append(("x-tc-token", token))
    target = Target("moderation", f"https://{config.tms_host}", "")  # without a key: the signature authenticates
    answer = await service_call.post(call, target, "", headers, body)
    return _verdict(answer.get("Response"))


def _credentials(config: Config) -> tuple[str, str, str]:
    if config.tms_secret_id and config.tms_secret_key:
        return config.tms_secret_id, config.tms_secret_key, ""
    secret_id, secret_key, token = (os.environ.get(name, "") for name in _ROLE_VARIABLES)
    return secret_id, secret_key, token


def _verdict(response: Any) -> Verdict:
    if not isinstance(response, dict):
        raise CheckFailed("malformed")
    if isinstance(error := response.get("Error"), dict):
        raise CheckFailed(service_call.log_label(error.get("Code")) or "malformed")
    level = _LEVELS.get(str(response.get("Suggestion")))
    if level is None:
        raise CheckFailed("malformed")
    return Verdict(level, None if level == PASS else service_call.log_label("tencent", response.get("Label")))


def signature(host: str, secret_id: str, secret_key: str, body: bytes, now: int) -> str:
    """Return the Authorization header for a POST of `body` to `host` at the Unix time `now`."""
    from hashlib import sha256

    day = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d")
    scope = f"{day}/tms/tc3_request"
    signed_headers = "content-type;host"
    request = f"POST\n/\n\ncontent-type:application/json\nhost:{host}\n\n{signed_headers}\n{sha256(body).hexdigest()}"
    text = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for part in (day, "tms", "tc3_request"):
        key = _hmac(key, part)
    signature_hex = _hmac(key, text).hex()
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature_hex}"


def _hmac(key: bytes, text: str) -> bytes:
    import hmac

    return hmac.new(key, text.encode(), "sha256").digest()
