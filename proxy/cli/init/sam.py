"""What SAM's guide asks for each template, and which of our settings answers it."""

from __future__ import annotations

from proxy.cli.init.options import OWN_KEYS, SIGNED_KEYS

TEMPLATE = "template.yaml"
# Each parameter of the templates that is a setting. Which template has which, tests/cli/test_init_recipes.py checks.
PARAMETERS = {
    "OpenAIApiKey": "OPENAI_API_KEY",
    "ProxyKey": "PROXY_KEY",
    "SigningSecret": "SIGNING_SECRET",
    "OpenAIBaseUrl": "OPENAI_BASE_URL",
    "AnthropicApiKey": "ANTHROPIC_API_KEY",
    "GeminiApiKey": "GEMINI_API_KEY",
    "AnthropicBaseUrl": "ANTHROPIC_BASE_URL",
    "GeminiBaseUrl": "GEMINI_BASE_URL",
    "Store": "STORE",
    "StoreToken": "STORE_TOKEN",
}
# The templates take these as references only: SAM's guide asks for a hidden parameter until something is typed.
STORED = {"ANTHROPIC_API_KEY": "/sluice/anthropic", "GEMINI_API_KEY": "/sluice/gemini"}
_SIGNED_ONLY = ("STORE", "STORE_TOKEN")


def template(access: str) -> str:
    """The template for this kind of access."""
    return {OWN_KEYS: "template.pass-through.yaml", SIGNED_KEYS: "template.signed-keys.yaml"}.get(access, TEMPLATE)


def missing_secrets(access: str, names: tuple[str, ...]) -> list[str]:
    """The secrets among these settings that the template has no parameter for."""
    return [name for name in names if name in _SIGNED_ONLY and access != SIGNED_KEYS]


def answers(access: str, names: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """What to answer for each parameter: the setting, or a word; and where settings must be stored first.

    `names` are the settings that are not in the bundle.
    """
    wanted = {"ProxyKey"} if access not in (OWN_KEYS, SIGNED_KEYS) else set()
    wanted |= {"SigningSecret"} if access == SIGNED_KEYS else set()
    found: dict[str, str] = {}
    for parameter, setting in PARAMETERS.items():
        if parameter == "OpenAIApiKey" and access != OWN_KEYS and setting not in names:
            found[parameter] = "none"
        elif setting in names and setting in STORED:
            found[parameter] = f"{{{{resolve:ssm:{STORED[setting]}}}}}"
        elif setting in names or parameter in wanted:
            found[parameter] = setting
    return found, {name: place for name, place in STORED.items() if name in names}
