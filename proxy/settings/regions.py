"""Regions that OpenAI does not serve, and what to do about them."""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.settings.config import Config

# Tencent's regions in mainland China and Hong Kong. OpenAI serves neither, and calls from there can block an account
# (help.openai.com/en/articles/5347006, read 2026-11-23).
_UNSERVED = (
    "ap-guangzhou",
    "ap-shanghai",
    "ap-nanjing",
    "ap-beijing",
    "ap-chengdu",
    "ap-chongqing",
    "ap-shenzhen",
    "ap-hongkong",
)
# Cloudflare's data centres there, named after airports.
_UNSERVED_COLOS = ("HKG", "MFM")
# Vercel's region there (vercel.com/docs/regions, read 2026-11-27).
_UNSERVED_VERCEL = ("hkg1",)
REFUSED = "unsupported_country_region_territory"
ADVICE = "Deploy in ap-singapore, ap-tokyo or na-siliconvalley instead, or choose a provider that serves this region."
PLACEMENT = (
    'Set "placement": {"region": "aws:ap-southeast-1"} in wrangler.jsonc, or choose a provider that serves this region.'
)
REGIONS = 'Set "regions": ["sin1"] in vercel.json and deploy again, or choose a provider that serves this region.'


def advice(platform: str) -> str:
    """What to do when the upstream refuses calls from this region."""
    return {"cloudflare": PLACEMENT, "vercel": REGIONS}.get(platform, ADVICE)


def warning(region: str | None, config: Config) -> str | None:
    """A warning if the configuration calls OpenAI from a region that OpenAI does not serve; else None."""
    if region is None or config.demo or not region.startswith(_UNSERVED + _UNSERVED_COLOS + _UNSERVED_VERCEL):
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
        f"blocked. {REGIONS if region in _UNSERVED_VERCEL else ADVICE}"
    )
