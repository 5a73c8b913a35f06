"""What serverless.yml and serverless.event.yml say to Tencent's older tool."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.support.paths import ROOT

ENVIRONMENT = {"ACCESS": "proxy-key", "OPENAI_API_KEY": "sk-x", "PROXY_KEY": "pk"}

BUDGETS = {"SIGNING_SECRET": "7f3c9a51e0b24d6895aa31c4", "STORE": "https://x.example", "STORE_TOKEN": "sk-store"}
# The lines that are off: "# NAME: value" among the variables.
OFF = re.compile(r"^ {6}# (?=[A-Z_]+: )", re.MULTILINE)


def inputs_of(name: str, everything: bool = False) -> dict[str, Any]:
    """What a file says; `everything`: also with its lines that are off."""
    text = (ROOT / name).read_text(encoding="utf-8")
    text = OFF.sub(" " * 6, text) if everything else re.sub(r"^ *#.*", "", text, flags=re.MULTILINE)
    text = re.sub(r"(?<!\w)\$\{env:([A-Z_]+)\}", lambda match: (ENVIRONMENT | BUDGETS).get(match[1], "sk-other"), text)
    inputs: dict[str, Any] = yaml.safe_load(text)["inputs"]
    return inputs
