"""Single checks by a checker, and the answers of the services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy import startup
from proxy.call import Call
from proxy.moderation.checkers import load
from proxy.moderation.verdict import Text, Verdict
from proxy.upstream import Answer, Outgoing
from tests.support import fake_clock
from tests.support.core import Listed, Routed, host, json_answer, request

JSON = (("content-type", "application/json"),)
CLEAR = {"flagged": False, "category_scores": {"hate": 0.01, "violence": 0.02}}
DOUBTFUL = {"flagged": False, "category_scores": {"hate": 0.01, "violence": 0.4}}
FLAGGED = {"flagged": True, "category_scores": {"hate": 0.9, "violence": 0.4}}
HOST = "tms.tencentcloudapi.com"
KEYS = {"TMS_SECRET_ID": "AKIDexample", "TMS_SECRET_KEY": "secret"}


def answering(value: Any, status: int = 200) -> Routed:
    async def service(_: Outgoing) -> Answer:
        return json_answer(value, status)

    return Routed(service=service)


def ask(name: str, upstream: Listed, texts: Sequence[Text], **settings: str) -> Verdict:
    async def go() -> Verdict:
        call = Call(request(), startup.load({"MODERATION": name, "PROXY_KEY": "p", **settings}), host(), upstream)
        return await load(name).check(call, texts)

    return fake_clock.run(go())


def openai(upstream: Listed, *texts: str, **settings: str) -> Verdict:
    return ask("openai", upstream, [Text(item) for item in texts], **{"MODERATION_OPENAI_KEY": "sk-mod", **settings})


def tms(suggestion: str, label: str = "Porn") -> dict[str, Any]:
    return {"Response": {"Suggestion": suggestion, "Label": label, "Score": 99, "RequestId": "r"}}
