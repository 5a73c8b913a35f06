"""Tencent Cloud's TMS TextModeration, signed by ourselves: their SDK is larger than all of this project.

The request: cloud.tencent.com/document/api/1124/51860, for international accounts
tencentcloud.com/document/api/1121/46072 (both read 2026-11-24). The signature, TC3-HMAC-SHA256, is the SDK's own: the
tests hold it to that.
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
from proxy.moderation.verdict import BLOCK, PASS, REVIEW, Failed, Text, Verdict, gravest
from proxy.settings.config import Config
from proxy.upstream import Target

PIECE_LENGTH = 10_000  # the most characters that one request takes
_ACTION, _VERSION = "TextModeration", "2020-12-29"
_SAYS = {"Pass": PASS, "Review": REVIEW, "Block": BLOCK}
# The keys of the function's role, which the platform sets. They are temporary, so they are looked up for each check.
_ROLE = ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN")


def ready(config: Config) -> None:
    """As Moderator.ready."""
    for name, value in (("TMS_SECRET_ID", config.tms_secret_id), ("TMS_SECRET_KEY", config.tms_secret_key)):
        other = config.tms_secret_id or config.tms_secret_key
        if not value and (other or not all(os.environ.get(one) for one in _ROLE[:2])):
            raise ConfigError(
                f"{name} must be set for MODERATION to name tencent, unless the function has a role whose keys Tencent "
                "sets.",
                param=name,
            )


async def check(call: Call, texts: Sequence[Text]) -> Verdict:
    """As Moderator.check. One request for each 10,000 characters, one after the other."""
    verdicts: list[Verdict] = []
    for piece in service_call.pieces(texts, PIECE_LENGTH):
        verdicts.append(await _one(call, piece))
        if verdicts[-1].says == BLOCK:
            break
    return gravest(verdicts)


async def _one(call: Call, text: str) -> Verdict:
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
    # Without a key of its own: the signature stands in its place.
    found = await service_call.ask(call, Target("moderation", f"https://{config.tms_host}", ""), "", headers, body)
    return _verdict(found.get("Response"))


def _credentials(config: Config) -> tuple[str, str, str]:
    if config.tms_secret_id and config.tms_secret_key:
        return config.tms_secret_id, config.tms_secret_key, ""
    secret_id, secret_key, token = (os.environ.get(name, "") for name in _ROLE)
    return secret_id, secret_key, token


def _verdict(response: Any) -> Verdict:
    if not isinstance(response, dict):
        raise Failed("malformed")
    if isinstance(error := response.get("Error"), dict):
        raise Failed(service_call.label(error.get("Code")) or "malformed")
    says = _SAYS.get(str(response.get("Suggestion")))
    if says is None:
        raise Failed("malformed")
    return Verdict(says, None if says == PASS else service_call.label("tencent", response.get("Label")))


def signature(host: str, secret_id: str, secret_key: str, body: bytes, now: int) -> str:
    """The Authorization header for a POST of `body` to `host` at the Unix time `now`."""
    from hashlib import sha256

    day = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d")
    scope = f"{day}/tms/tc3_request"
    signed = "content-type;host"
    request = f"POST\n/\n\ncontent-type:application/json\nhost:{host}\n\n{signed}\n{sha256(body).hexdigest()}"
    text = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for part in (day, "tms", "tc3_request"):
        key = _hmac(key, part)
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={_hmac(key, text).hex()}"


def _hmac(key: bytes, text: str) -> bytes:
    import hmac

    return hmac.new(key, text.encode(), "sha256").digest()
