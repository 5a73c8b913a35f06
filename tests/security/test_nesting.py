"""JSON without end: counted before it is read, where reading it would end the process."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given

from proxy.wire import bounded_json
from tests.support.hostile import ANYTHING
from tests.support.paths import ROOT
from tests.support.slices import scanned


@pytest.fixture
def fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is under Pyodide."""
    monkeypatch.setattr(bounded_json, "FATAL", True)


@pytest.mark.parametrize("inner", ["[", '{"a":', '[{"a":[', '["]",'])
def test_what_is_nested_too_deeply_is_not_read(inner: str, fatal: None) -> None:
    text = inner * 201
    with pytest.raises(RecursionError):
        bounded_json.loads(text)
    with pytest.raises(RecursionError):
        bounded_json.loads(text.encode("utf-16"))
    assert scanned(b'{"x":' + text.encode() + b"}") is None


@pytest.mark.parametrize(
    "value", ["[" * 500, "]" * 500, '"' * 501, "\\[" * 300, [[]] * 500, [{"a": {}}] * 500, ['"['] * 500]
)
def test_brackets_beside_one_another_or_in_texts_are_no_depth(value: object, fatal: None) -> None:
    text = json.dumps({"a": value})
    assert bounded_json.loads(text) == {"a": value}
    found = scanned(text.encode())
    assert found is not None and [member.name for member in found.members] == ["a"]


def test_too_deeply_may_be_the_same_everywhere() -> None:
    assert bounded_json.loads("[" * 200 + "]" * 200, everywhere=True)
    with pytest.raises(RecursionError):
        bounded_json.loads("[" * 201 + "]" * 201, everywhere=True)


# What reads JSON without counting first, and why it may.
MAY = {
    "wire/bounded_json.py": "counts",
    "wire/json_edit.py": "reads the value of a member, all of which have been counted",
    "wire/json_rules.py": "counts",
    "protocols/usage.py": "counts",
    "cost/price_table.py": "the project's own table, or the owner's",
    "settings/providers_file.py": "a setting of the owner's",
    "adapters/workers_settings.py": "settings of the owner's",
    "adapters/aws_stream.py": "runs under CPython alone",
    "tokens/values.py": "runs under CPython alone",
    "routing/model_alias.py": "reads the value of a member, all of which have been counted",
    "endpoints/console/page.py": "the project's own file",
    "endpoints/console/help.py": "the project's own file",
}


def test_nothing_else_reads_json_without_counting() -> None:
    root = ROOT / "proxy"
    reads = re.compile(r"\bjson\.loads?\(|\bfrom json import|JSONDecoder\(")
    found = {
        str(path.relative_to(root).as_posix()) for path in root.rglob("*.py") if reads.search(path.read_text("utf-8"))
    }
    found = {name for name in found if not name.startswith("cli/")}  # which no function has
    assert found == MAY.keys()


def test_no_worker_has_what_runs_under_cpython_alone() -> None:
    from proxy.cli.bundle.sources import chosen
    from proxy.platforms.registry import BUNDLES

    assert ROOT / "proxy/tokens/values.py" not in chosen(BUNDLES["cloudflare"], ROOT)


@given(ANYTHING)
def test_any_value_is_read_as_json_reads_it(value: object) -> None:
    text = json.dumps(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_json, "FATAL", True)
        assert repr(bounded_json.loads(text)) == repr(json.loads(text)) == repr(bounded_json.loads(text.encode()))


@pytest.mark.parametrize("text", ['["' + '\\"' * 500_000 + "[" * 300, '"[",' * 300_000, "[]" * 500_000])
def test_counting_takes_no_longer_than_the_text_is_long(text: str) -> None:
    began = time.process_time()
    bounded_json.check(text)
    assert time.process_time() - began < 3
