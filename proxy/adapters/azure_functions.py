"""Azure Functions: our app behind our server, which the Functions host starts and proxies to (a custom handler).

The host's other two ways for Python do not serve: `azure.functions.AsgiFunctionApp` (azure-functions 2.3.0) joins an
answer before it sends it and decodes the path, and its HTTP streams need FastAPI. `enableProxyingHttpRequest` passes
pieces on as they come. Sources, read 2026-11-27: learn.microsoft.com/azure/azure-functions/functions-custom-handlers,
and github.com/Azure/azure-functions-host, src/WebJobs.Script/Workers/Http (HttpWorkerProcess.cs,
HttpProxyService/DefaultHttpProxyService.cs), which uses YARP's HttpForwarder with its default transforms.
"""

from __future__ import annotations

import os
import re

from proxy.adapters import server
from proxy.adapters.asgi import App
from proxy.messages import Request
from proxy.platforms.limits import number

PLATFORM, DOOR = "azure", "function"
HOST, PORT = "127.0.0.1", 8080
# The host keeps idle connections to us for a minute, as .NET's SocketsHttpHandler does by default. It repeats a request
# whose connection we close, up to ten times (RetryProxyHandler.cs), so it is the host that must close them.
KEEP_ALIVE_SECONDS = 300
# How a path may look that a caller sent (github.com/Azure/azure-functions-host, issue 9290, read 2026-11-27).
_PATH = re.compile(r"/[!-~]*")
_SPARE_SECONDS = 5.0  # for our own answer to arrive before the platform's


class FunctionsApp(App):
    """The app. The host tells neither its time-out nor how long it waits: the table of limits has both."""

    platform = "azure-functions"
    body_limit = int(number(PLATFORM, DOOR, "request body"))
    region_variable = "REGION_NAME"
    loads_tokens = False
    keeps_metrics = False
    exits_on_config_error = False  # callers of a process that has ended get a 500 without a body

    def region_name(self, written: str) -> str:
        """As Instance. `eastus2` or `East US 2`: both are in use.

        Source: github.com/AzureAD/microsoft-authentication-library-for-python, issue 382, read 2026-11-27.
        """
        return written.replace(" ", "").lower()

    def adapt_request(self, request: Request) -> None:
        """Set the longest silence, and the path as the caller sent it: the front end decodes it (%2F becomes /).

        There is no deadline: it is idle calls that end, and pings keep a stream going.
        """
        request.silence = number(PLATFORM, DOOR, "silence") - _SPARE_SECONDS
        sent = (request.headers.get("x-waws-unencoded-url") or "").partition("?")[0]
        if _PATH.fullmatch(sent):
            request.path = sent


def main() -> None:
    """Serve until the host stops the process, on the port that it names."""
    port = int(os.environ.get("FUNCTIONS_CUSTOMHANDLER_PORT") or PORT)
    server.run(FunctionsApp(), HOST, port, KEEP_ALIVE_SECONDS)
