"""Azure Functions, as far as it can be had here: what it adds to requests, and how its host starts a bundle."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tests.support import parts
from tests.support.bundles import Bundles
from tests.support.case import Ask
from tests.support.process import free_port, process

HOST = "sluice.azurewebsites.net"
# What the front end adds, as two dumps of requests have it, then what the host adds as a custom handler's proxy: its
# own headers, and those of YARP's default transforms.
ADDED = (
    ("Max-Forwards", "9"),
    ("X-ARR-LOG-ID", "75d13ac5-2f2e-4bd6-a9b9-2d4a4f6f7a10"),
    ("CLIENT-IP", "192.0.2.7:52066"),
    ("DISGUISED-HOST", HOST),
    ("X-SITE-DEPLOYMENT-ID", "sluice"),
    ("WAS-DEFAULT-HOSTNAME", HOST),
    ("X-AppService-Proto", "https"),
    ("X-ARR-SSL", "2048|256|CN=made up"),
    ("X-Forwarded-TlsVersion", "1.3"),
    ("X-Client-IP", "192.0.2.7"),
    ("X-Client-Port", "52066"),
    ("x-functions-key", "canary-function-key"),
    ("X-MS-CLIENT-PRINCIPAL", "canary-principal"),
    ("X-MS-TOKEN-AAD-ID-TOKEN", "canary-token"),
    ("X-Azure-Functions-HostVersion", "4.1047.100.0"),
    ("X-Azure-Functions-InvocationId", "6d1f7b5c-made-up"),
    ("x-ms-invocation-id", "6d1f7b5c-made-up"),
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
)


def passed_on(ask: Ask) -> Ask:
    """The call as it arrives at the handler.

    The front end decodes the path and keeps it as it was, with the query, in a header. The host's proxy writes the
    handler's address in place of the caller's, and the caller's into a header.
    """
    path, mark, query = ask.path.partition("?")
    decoded = quote(unquote(path), safe="/:@!$&'()*+,;=~-._") + mark + query
    kept = [pair for pair in ask.headers if pair[0].lower() != "host" and not pair[0].lower().startswith("x-forwarded")]
    host = next((value for name, value in ask.headers if name.lower() == "host"), HOST)
    more = (("X-Forwarded-Host", host), ("X-Original-URL", ask.path), ("X-WAWS-Unencoded-URL", ask.path))
    return replace(ask, path=decoded, headers=(*kept, *ADDED, *more))


def unpacked(bundles: Bundles, target: Path) -> Path:
    """The zip as the platform unpacks it."""
    with zipfile.ZipFile(bundles("azure") / "sluice-azure.zip") as archive:
        archive.extractall(target)
    return target


def handler(folder: Path) -> dict[str, Any]:
    """What host.json says of the program to start."""
    found: dict[str, Any] = json.loads((folder / "host.json").read_text(encoding="utf-8"))["customHandler"]
    return found


@contextlib.contextmanager
def started(folder: Path, **environ: str) -> Iterator[int]:
    """The port of an unpacked bundle that runs as the host starts it: a program of the path, in the app's folder.

    The program is Python 3.13 of this machine, under the name that the platform has for it.
    """
    description = handler(folder)["description"]
    names = folder / "bin"
    names.mkdir(exist_ok=True)
    program = names / description["defaultExecutablePath"]
    if not program.exists():
        program.write_text(f'#!/bin/sh\nexec {parts.need_python("3.13")} "$@"\n')
        program.chmod(0o755)
    port = free_port()
    platform = {
        "PATH": f"{names}:/bin:/usr/bin",
        "FUNCTIONS_CUSTOMHANDLER_PORT": str(port),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "REGION_NAME": "East US 2",
    }
    command = [str(program), *description["arguments"]]
    with process(command, port, env={**platform, **environ}, cwd=folder):
        yield port
