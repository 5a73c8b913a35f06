"""Regions that OpenAI does not serve, and what to do about them."""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.settings.config import Config

REFUSED = "unsupported_country_region_territory"
ADVICE = "Deploy in ap-singapore, ap-tokyo or na-siliconvalley instead, or choose a provider that serves this region."
# By platform: its regions in mainland China, Hong Kong and Macau, and how to move elsewhere. OpenAI serves none of
# these, and calls from there can block an account (help.openai.com/en/articles/5347006, read 2026-11-23).
_UNSERVED = {
    "tencent": (
        (
            *("ap-guangzhou", "ap-shanghai", "ap-nanjing", "ap-beijing"),
            *("ap-chengdu", "ap-chongqing", "ap-shenzhen", "ap-hongkong"),
        ),
        ADVICE,
    ),
    "cloudflare": (  # data centres, named after airports
        ("HKG", "MFM"),
        (
            'Set "placement": {"region": "aws:ap-southeast-1"} in wrangler.jsonc, or choose a provider that serves '
            "this region."
        ),
    ),
    "vercel": (  # vercel.com/docs/regions, read 2026-11-27
        ("hkg1",),
        'Set "regions": ["sin1"] in vercel.json and deploy again, or choose a provider that serves this region.',
    ),
}


def advice(function: str) -> str:
    """What to do when the upstream refuses calls from the region of this function of the registry."""
    return _UNSERVED.get(function.partition("-")[0], ((), ADVICE))[1]


def warning(region: str | None, config: Config) -> str | None:
    """A warning if the configuration calls OpenAI from a region that OpenAI does not serve; else None."""
    platform = next((name for name, (regions, _) in _UNSERVED.items() if (region or "").startswith(regions)), None)
    if platform is None or config.demo:
        return None
    hosts = [urlsplit(provider.base_url).hostname or "" for provider in config.providers]
    if not any(host == "openai.com" or host.endswith(".openai.com") for host in hosts):
        return None
    if platform == "cloudflare":
        return (
            f"This call arrived at Cloudflare's data centre {region}, where OpenAI does not serve. Unless a placement "
            f"moves the Worker, it calls OpenAI from there and is refused with 403. {advice(platform)}"
        )
    return (
        f"This function runs in {region}, where OpenAI does not serve: calls are refused and may get the account "
        f"blocked. {advice(platform)}"
    )
