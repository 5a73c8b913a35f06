"""Regions that OpenAI does not serve, and what to do about them."""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.platforms.clouds import CLOUDS
from proxy.settings.config import Config

_UNSERVED = tuple(prefix for cloud in CLOUDS for prefix in cloud.unserved)
_UNSERVED_COLOS = next(cloud.unserved for cloud in CLOUDS if cloud.name == "cloudflare")
REFUSED = "unsupported_country_region_territory"
ADVICE = "Deploy in Singapore, Tokyo or Silicon Valley instead, or choose a provider that serves this region."
PLACEMENT = (
    'Set "placement": {"region": "aws:ap-southeast-1"} in wrangler.jsonc, or choose a provider that serves this region.'
)


def advice(platform: str) -> str:
    """What to do when the upstream refuses calls from this region."""
    return PLACEMENT if platform == "cloudflare" else ADVICE


def warning(region: str | None, config: Config) -> str | None:
    """A warning if the configuration calls OpenAI from a region that OpenAI does not serve; else None."""
    if region is None or config.demo or not region.startswith(_UNSERVED):
        return None
    hosts = [urlsplit(provider.base_url).hostname or "" for provider in config.providers]
    if not any(host == "openai.com" or host.endswith(".openai.com") for host in hosts):
        return None
    if region in _UNSERVED_COLOS:
        return (
            f"This call arrived at Cloudflare's data centre {region}, where OpenAI does not serve. Unless a placement "
            f"moves the Worker, it calls OpenAI from there and is refused with 403. {PLACEMENT}"
        )
    return (
        f"This function runs in {region}, where OpenAI does not serve: calls are refused and may get the account "
        f"blocked. {ADVICE}"
    )
