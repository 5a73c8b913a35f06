"""Azure OpenAI's own paths: a deployment stands in the path, the version of the API in the query.

learn.microsoft.com/azure/ai-foundry/openai/reference, read 2026-11-24. Resources that offer Azure's newer `/openai/v1`
need none of this: that is an address like any other's.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from proxy.call import Call
from proxy.errors import NoUpstream
from proxy.routing import model_field
from proxy.upstream import Outgoing
from proxy.wire.path_table import ENDPOINTS

_DEPLOYMENT = re.compile(r"[A-Za-z0-9._ -]{1,64}")
# The calls that are made to one deployment; all others stand below /openai itself. The same list as in openai-python's
# AzureOpenAI, which a test holds this one against.
DEPLOYED = tuple(one.path for one in ENDPOINTS if one.deployed)


def dressed(call: Call, outgoing: Outgoing) -> Outgoing:
    """The call as Azure wants it. The deployment is what the upstream calls the model, or the model's own name."""
    target, path = outgoing.target, outgoing.path
    one = target.provider
    version = one.api_version if one else None
    if path in DEPLOYED and (deployment := target.model or model_field.named(call)):
        if not _DEPLOYMENT.fullmatch(deployment) or not deployment.strip("."):  # it becomes a part of the path
            raise NoUpstream(deployment)
        path = f"deployments/{quote(deployment, safe='')}/{path}"
    base = target.base_url if target.base_url.endswith("/openai") else f"{target.base_url}/openai"
    given = [part for part in outgoing.query.split("&") if part and not part.startswith("api-version=")]
    query = "&".join([*given, f"api-version={version}"])
    return replace(outgoing, target=replace(target, base_url=base), path=path, query=query)
