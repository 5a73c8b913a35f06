"""The settings of a Worker: variables and secrets come with each call, as attributes of `env`."""

from __future__ import annotations

import json
import re
from typing import Any

import js

from proxy.errors import ConfigError
from proxy.settings import config


def read_settings(env: Any) -> dict[str, str]:
    """The variables and secrets as texts, as `startup.load` takes them. Raises ConfigError.

    A variable of wrangler.jsonc may also be a number, a boolean or a list.
    """
    settings: dict[str, str] = {}
    for name in config.names():
        value = getattr(env, name, None)
        if not isinstance(value, (str, int, float, type(None))):
            value = json.loads(js.JSON.stringify(getattr(value, "_binding", value)) or "null")
        if name == "UPSTREAMS" and value is not None:
            settings |= _upstreams(value, env)
            continue
        items = value if isinstance(value, list) else [] if value in (None, "") else [value]
        if not all(isinstance(item, (str, int, float)) for item in items):
            raise ConfigError(f"{name} takes a text, a number, true, false or a list.", param=name)
        if items:
            settings[name] = ",".join(str(item) for item in items)
    if "CONFIG_FILE" in settings:
        raise ConfigError("CONFIG_FILE: there are no files in a Worker; set variables instead.", param="CONFIG_FILE")
    return settings


def _upstreams(value: Any, env: Any) -> dict[str, str]:
    """UPSTREAMS as text, and the secrets that its `$NAME` references stand for."""
    text = value if isinstance(value, str) else json.dumps(value)
    references = re.findall(r'"\$([A-Za-z_][A-Za-z0-9_]*)"', text)
    secrets = {name: getattr(env, name, None) for name in references}
    return {"UPSTREAMS": text, **{name: secret for name, secret in secrets.items() if isinstance(secret, str)}}
