"""Writes the requests with which Tencent's `tccli` deploys the built zip: `python -m tools.scf_requests [web|event]`.

Tencent's `scf` reads serverless.yml, but npm no longer has its package (404 on 2026-11-27), and `tccli` takes whole
requests only. The zip travels inside them, as base64 (cloud.tencent.com/document/api/583/18586 and 18581, read
2026-11-27). So do the keys: the files are for their owner alone, and belong deleted when the function is there.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proxy import startup
from proxy.cli import env_file
from proxy.errors import ConfigError

BUILD = Path(__file__).resolve().parent.parent / "build"
# As serverless.yml and serverless.event.yml have them; tests/deploy/test_scf_requests.py compares both.
NAMES = {"web": "sluice", "event": "sluice-event"}
PURPOSES = ("function", "url", "settings", "code")  # to create it, to open it, for new settings, for new code
VARIABLES = ("ACCESS", "OPENAI_API_KEY", "PROXY_KEY")
# base64 makes 9.7 MB of it, and a request takes 10 (cloud.tencent.com/document/product/1130/46710, read 2026-11-27).
MAX_ZIP_BYTES = 7_300_000
_COMMON = {
    "Runtime": "Python3.10",
    "MemorySize": 256,
    "Timeout": 300,
    "InitTimeout": 30,
    "PublicNetConfig": {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}},
    "InstallDependency": "FALSE",
}
_KINDS: dict[str, dict[str, Any]] = {
    "web": {"Type": "HTTP", "InstanceConcurrencyConfig": {"DynamicEnabled": "FALSE", "MaxConcurrency": 50}},
    "event": {"Type": "Event", "Handler": "handler.main_handler"},
}
# Who may call is decided in code, by the key; so is CORS, and a second set of headers would break browsers.
_URL = {"AuthType": "NONE", "NetConfig": {"EnableIntranet": False, "EnableExtranet": True}}


def main(arguments: list[str], environ: Mapping[str, str], build: Path = BUILD) -> int:
    """Write the requests below `build`. Further arguments name more settings. Returns 1 with a sentence on failure."""
    kind, *more = arguments or ["web"]
    try:
        if kind not in NAMES:
            raise ConfigError(f"{kind} is no kind of function. Choose web or event.")
        content = archive(build / f"sluice-scf-{kind}.zip")
        variables = settings(environ, (*VARIABLES, *more))
        files = requests(kind, variables, content) if variables or has_file(content) else {"code": code(kind, content)}
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 1
    for name in PURPOSES:
        path = build / f"scf-{name}.json"
        path.unlink(missing_ok=True)  # an old one may hold other keys, and be readable for others
        if (request := files.get(name)) is None:
            continue
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(request, file)
        print(f"build/{path.name}")
    if "function" not in files:
        print("ACCESS is not set, so these are only for new code: the function keeps its settings.")
    return 0


def settings(environ: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """The function's variables, without empty ones; none at all without ACCESS.

    Raises ConfigError if the function would not start with them.
    """
    if not environ.get("ACCESS", "").strip():
        return {}
    variables = {name: environ[name].strip() for name in dict.fromkeys(names) if environ.get(name, "").strip()}
    startup.load(variables)
    return variables


def archive(path: Path) -> bytes:
    """The zip. Raises ConfigError if it is not there, or too large for a request."""
    try:
        content = path.read_bytes()
    except OSError:
        raise ConfigError(f"There is no {path}. Run make bundle first.") from None
    if len(content) > MAX_ZIP_BYTES:
        raise ConfigError(
            f"{path} has {len(content) / 1e6:.1f} MB, and a request takes {MAX_ZIP_BYTES / 1e6:.1f}. Build it anew "
            "with --no-tokens, or upload it in the console."
        )
    return content


def has_file(content: bytes) -> bool:
    """Whether the zip has the settings in it, in a sluice.toml."""
    packed = io.BytesIO(content)
    return zipfile.is_zipfile(packed) and "sluice.toml" in zipfile.ZipFile(packed).namelist()


def code(kind: str, content: bytes) -> dict[str, Any]:
    """The request for new code."""
    handler = {"Handler": _KINDS[kind]["Handler"]} if kind == "event" else {}
    packed = base64.b64encode(content).decode()
    return {"FunctionName": NAMES[kind], **handler, "ZipFile": packed, "InstallDependency": "FALSE", "Publish": "TRUE"}


def requests(kind: str, variables: Mapping[str, str], content: bytes) -> dict[str, dict[str, Any]]:
    """The requests by their purpose. Without variables there is none for new settings."""
    name, packed = {"FunctionName": NAMES[kind]}, base64.b64encode(content).decode()
    listed = [{"Key": key, "Value": value} for key, value in variables.items()]
    environment = {"Environment": {"Variables": listed}} if listed else {}
    url = {"TriggerName": "url-trigger", "Type": "http", "Qualifier": "$DEFAULT", "Enable": "OPEN"}
    return {
        "function": {**name, **_COMMON, **_KINDS[kind], **environment, "Code": {"ZipFile": packed}},
        "url": {**name, **url, "TriggerDesc": json.dumps(_URL, separators=(",", ":"))},
        **({"settings": {**name, **environment}} if listed else {}),
        "code": code(kind, content),
    }


if __name__ == "__main__":
    try:
        env_file.load(os.environ, Path())
    except ConfigError as error:
        sys.exit(f"sluice: {error.message}")
    sys.exit(main(sys.argv[1:], os.environ))
