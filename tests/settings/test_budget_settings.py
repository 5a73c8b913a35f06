"""The settings of budgets: each limit needs a store, and the owner's own key is nobody else's."""

from __future__ import annotations

import pytest

from proxy import startup
from proxy.errors import ConfigError

STORE = {"STORE": "sqlite:/tmp/budgets.db"}


@pytest.mark.parametrize(
    ("settings", "param", "words"),
    [
        ({"KEY_BUDGET_USD": "5"}, "STORE", "KEY_BUDGET_USD counts what keys use"),
        ({"KEY_RPM": "5"}, "STORE", "KEY_RPM"),
        ({"KEY_TPM": "5"}, "STORE", "KEY_TPM"),
        ({"KEY_PARALLEL": "5"}, "STORE", "KEY_PARALLEL"),
        ({"BUDGET_WEBHOOK": "https://hooks.example.com/x"}, "STORE", "BUDGET_WEBHOOK"),
        ({**STORE, "KEY_BUDGET_PER": "day"}, "KEY_BUDGET_USD", "Set KEY_BUDGET_USD"),
        ({**STORE, "KEY_BUDGET_USD": "0"}, "KEY_BUDGET_USD", "must be a number between"),
        ({**STORE, "KEY_BUDGET_USD": "nan"}, "KEY_BUDGET_USD", "must be a number between"),
        ({**STORE, "KEY_BUDGET_USD": "5", "KEY_BUDGET_PER": "week"}, "KEY_BUDGET_PER", "day, month, total"),
        ({**STORE, "BUDGET_WEBHOOK": "ftp://x/y"}, "BUDGET_WEBHOOK", "must be an address"),
        ({**STORE, "BUDGET_WEBHOOK": "https://user:pass@x/y"}, "BUDGET_WEBHOOK", "without user"),
        ({"ADMIN_KEY": "short"}, "ADMIN_KEY", "at least 16 characters"),
        ({"ADMIN_KEY": "a" * 8 + "," + "b" * 20}, "ADMIN_KEY", "must be one key"),
        ({"ADMIN_KEY": "sk-sluice-0123456789abcdef"}, "ADMIN_KEY", "sk-sluice-"),
        (
            {"ADMIN_KEY": "pk-0123456789abcdef", "PROXY_KEY": "pk-0123456789abcdef", "OPENAI_API_KEY": "sk-1"},
            "ADMIN_KEY",
            "must differ",
        ),
        ({"DEMO": "1", "STORE": "https://x.upstash.io", "STORE_TOKEN": "t"}, "STORE", "does not work with DEMO=1"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, str], param: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        startup.load(settings)
    assert raised.value.param == param and words in raised.value.message


def test_secrets_of_budgets_are_known_as_secrets() -> None:
    settings = {
        "STORE": "rediss://:password@redis.example.com/0",
        "STORE_TOKEN": "token-0123456789",
        "ADMIN_KEY": "ak-0123456789abcdef",
        "BUDGET_WEBHOOK": "https://hooks.example.com/T0/secret",
    }
    loaded = startup.load(settings)
    assert set(settings.values()) <= set(loaded.secrets) and not any(text in repr(loaded) for text in settings.values())
