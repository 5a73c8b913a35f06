"""Rows of the table of usage, made of log lines."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from proxy.cli.usage import rows
from proxy.cli.usage.rows import Row
from tests.support.log_exports import fields

MAKE = rows.maker(timedelta(0))


def row(**changes: Any) -> Row:
    made = MAKE(parsed(**changes))
    assert made is not None
    return made


def parsed(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(fields(**changes)), parse_float=Decimal)
    return document
