"""JSON that somebody else wrote, where it is parsed in one step."""

from __future__ import annotations

import pytest

from proxy.wire import bounded_json


def test_very_many_values_are_refused_before_they_are_made() -> None:
    with pytest.raises(ValueError, match="too many values"):
        bounded_json.loads(b"[" + b"1," * 3_000_000 + b"1]")
