"""The limits on all calls of a signed key together: written into the key, and read from it again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.access import signed_keys
from proxy.call import Grant
from proxy.errors import KeyInvalid
from proxy.settings.parsers import PERIODS, SIGNED_KEY_PREFIX

SECRET = "s" * 32
LATER = 4_000_000_000  # Unix time
MOST = 2**53 - 1
REQUIRED = ["alice", "d03095", LATER]

limits = st.none() | st.integers(1, MOST)
budgets = st.tuples(st.none(), st.just("")) | st.tuples(st.integers(1, MOST), st.sampled_from(PERIODS))
words = st.lists(st.text("abcxyz*-./模型", min_size=1, max_size=8), max_size=3).map(tuple)


def signed(fields: Any) -> str:
    """A key with these fields, as any version of Sluice with this secret may sign it."""
    return SIGNED_KEY_PREFIX + str(signed_keys._serializer([SECRET]).dumps(fields))


def fields_of(key: str) -> Any:
    return signed_keys._serializer([SECRET]).loads(key.removeprefix(SIGNED_KEY_PREFIX))


@given(words, words, limits, budgets, limits, limits, limits)
@example((), (), None, (None, ""), None, None, None)
@example((), (), None, (1, "total"), None, None, 1)
def test_every_combination_is_read_as_it_was_written(
    models: tuple[str, ...],
    paths: tuple[str, ...],
    output: int | None,
    budget: tuple[int | None, str],
    rpm: int | None,
    tpm: int | None,
    parallel: int | None,
) -> None:
    grant = Grant(models, paths, output, *budget, rpm, tpm, parallel)
    key = signed_keys.Key("alice", "d03095", LATER, grant)
    assert signed_keys.read(signed_keys.mint(key, [SECRET]), [SECRET]) == key


@pytest.mark.parametrize(
    ("grant", "written"),
    [
        (Grant(), []),
        (Grant(("m",)), ["m"]),
        (Grant((), (), 99), ["", "", 99]),
        (Grant(budget=5, period="day"), ["", "", 0, 5, "day"]),
        (Grant(rpm=3), ["", "", 0, 0, "", 3]),
        (Grant(parallel=2), ["", "", 0, 0, "", 0, 0, 2]),
    ],
)
def test_a_key_has_no_more_fields_than_it_needs(grant: Grant, written: list[Any]) -> None:
    assert fields_of(signed_keys.mint(signed_keys.Key("alice", "d03095", LATER, grant), [SECRET])) == [
        *REQUIRED,
        *written,
    ]


@pytest.mark.parametrize("count", range(4))
def test_a_key_from_before_budgets_has_none(count: int) -> None:
    old = ["gpt-4o*", "chat", 4_000][:count]
    grant = signed_keys.read(signed([*REQUIRED, *old]), [SECRET]).grant
    models, paths = ("gpt-4o*",) if count > 0 else (), ("chat",) if count > 1 else ()
    assert grant == Grant(models, paths, 4_000 if count > 2 else None)


@pytest.mark.parametrize(
    "more",
    [
        ["", "", 0, 5, "day", 1, 1, 1, 0],  # a newer version's field, even if it says nothing
        ["", "", 0, 5, "day", 1, 1, 1, {"new": 1}],
        ["", "", 0, 5, "week"],
        ["", "", 0, 5, ""],  # nobody could say when the budget starts again
        ["", "", 0, 5],
        ["", "", 0, 0, "day"],
        ["", "", 0, 5, ["day"]],
        ["", "", 0, 5.5, "day"],
        ["", "", 0, -5, "day"],
        ["", "", 0, "5", "day"],
        ["", "", 0, True, "day"],
        ["", "", 0, MOST + 1, "day"],
        ["", "", 0, None, "day"],
        ["", "", 0, 0, "", -1],
        ["", "", 0, 0, "", 0, 1.0],
        ["", "", 0, 0, "", 0, 0, [2]],
        ["", "", -1],
        ["", "", float("inf")],
    ],
)
def test_a_limit_that_this_version_cannot_keep_refuses_the_key(more: list[Any]) -> None:
    with pytest.raises(KeyInvalid):
        signed_keys.read(signed([*REQUIRED, *more]), [SECRET])


def test_an_end_that_is_no_time_refuses_the_key() -> None:
    with pytest.raises(KeyInvalid):
        signed_keys.read(signed(["alice", "d03095", float("inf")]), [SECRET])
