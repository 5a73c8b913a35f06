"""Regions that OpenAI does not serve, and what to do about them."""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.platforms.clouds import CLOUDS
from proxy.settings.config import Config

REFUSED = "unsupported_country_region_territory"
ADVICE = "Deploy in Singapore, Tokyo or Silicon Valley instead, or choose a provider that serves this region."


def advice(function: str) -> str:
    """What to do when the upstream refuses calls from the region of this platform, or function of the registry."""
    cloud = next((cloud for cloud in CLOUDS if cloud.name == function.partition("-")[0]), None)
    return cloud.advice if cloud is not None and cloud.advice else ADVICE


def warning(region: str | None, config: Config) -> str | None:
    """A warning if the configuration calls OpenAI from a region that OpenAI does not serve; else None."""
    cloud = next((cloud for cloud in CLOUDS if region is not None and region.startswith(cloud.unserved)), None)
    if cloud is None or config.demo:
        return None
    hosts = [urlsplit(provider.base_url).hostname or "" for provider in config.providers]
    if not any(host == "openai.com" or host.endswith(".openai.com") for host in hosts):
        return None
    if cloud.name == "cloudflare":
        return (
            f"This call arrived at Cloudflare's data centre {region}, where OpenAI does not serve. Unless a placement "
            f"moves the Worker, it calls OpenAI from there and is refused with 403. {advice(cloud.name)}"
        )
    return (
        f"This function runs in {region}, where OpenAI does not serve: calls are refused and may get the account "
        f"blocked. {advice(cloud.name)}"
    )
