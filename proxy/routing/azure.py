"""Azure OpenAI's classic paths, with the deployment in the path and the API version in the query.

Source: learn.microsoft.com/azure/ai-foundry/openai/reference, read 2026-11-24. Resources with Azure's newer
`/openai/v1` do not need this module: configure that address like any other.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from proxy.call import Call
from proxy.errors import NoUpstream
from proxy.routing import model_field
from proxy.upstream import Outgoing
from proxy.wire.path_table import ENDPOINTS

_DEPLOYMENT = re.compile(r"[A-Za-z0-9._ -]{1,64}")
# Calls to one deployment; all other paths are directly below /openai. A test compares this list with the one in
# openai-python's AzureOpenAI.
DEPLOYMENT_PATHS = tuple(endpoint.path for endpoint in ENDPOINTS if endpoint.deployed)


def prepare(call: Call, outgoing: Outgoing) -> Outgoing:
    """Return the call with Azure's path and query. The deployment is the target's name for the model, or the model.

    Raises NoUpstream for a model that cannot be the name of a deployment.
    """
    target, path = outgoing.target, outgoing.path
    version = target.provider.api_version if target.provider else None
    if path in DEPLOYMENT_PATHS and (deployment := target.model or model_field.requested_model(call)):
        if not _DEPLOYMENT.fullmatch(deployment) or not deployment.strip("."):  # it becomes a segment of the path
            raise NoUpstream(deployment)
        path = f"deployments/{quote(deployment, safe='')}/{path}"
    base_url = target.base_url if target.base_url.endswith("/openai") else f"{target.base_url}/openai"
    parameters = [part for part in outgoing.query.split("&") if part and not part.startswith("api-version=")]
    query = "&".join([*parameters, f"api-version={version}"])
    return outgoing._replace(target=target._replace(base_url=base_url), path=path, query=query)
