"""Models that their provider will shut down soon, by the `shutdown_date` in its list of models."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import date, datetime, timedelta, timezone
from typing import Any

from proxy.cli.doctor.report import Report

WARNING_DAYS = 90
MAX_SHOWN = 8


def examine(data: Any, report: Report, used: Collection[str] = ()) -> None:
    """Report the models in `data` of a list that end within WARNING_DAYS or have ended, those in `used` first."""
    listed = [model for model in data if isinstance(model, dict)] if isinstance(data, list) else []
    today = datetime.fromtimestamp(time.time(), timezone.utc).date()
    dated = [(str(model.get("id")), _date(model.get("shutdown_date"))) for model in listed]
    ending = [(name not in used, day, name) for name, day in dated if day and day <= today + timedelta(WARNING_DAYS)]
    if ending:
        shown = ", ".join(f"{name} ({day})" for _, day, name in sorted(ending)[:MAX_SHOWN])
        report.add("models.ending", list=shown + (", …" if len(ending) > MAX_SHOWN else ""), count=len(ending))


def _date(value: Any) -> date | None:
    """Return the day of a date, a date with a time, or Unix seconds; None for anything else."""
    try:
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
        if isinstance(value, (int, float)) and value > 0:
            return datetime.fromtimestamp(value, timezone.utc).date()
    except (ValueError, OverflowError, OSError):
        return None
    return None
