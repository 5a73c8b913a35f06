"""What each cloud does to calls and where it runs: its headers, its default domain, its regions.

Light, because functions import it at a cold start; `registry.py` has what only the tools need.
"""

from __future__ import annotations

from typing import NamedTuple


class Cloud(NamedTuple):
    """`name` is the platform's name in the registry.

    `header_prefixes` are how the names of the headers begin that it adds to requests. `unserved` are how the names of
    its regions begin that OpenAI does not serve. `domain` is a pattern for the end of its default domains, with the
    region as its only group that matches; empty if they have no region. `advice` says how to move elsewhere, where that
    is not to deploy in another region.
    """

    name: str
    header_prefixes: tuple[str, ...]
    unserved: tuple[str, ...] = ()
    domain: str = ""
    advice: str = ""


# OpenAI serves neither mainland China nor Hong Kong and Macao, and calls from there can block an account
# (help.openai.com/en/articles/5347006, read 2026-11-23).
CLOUDS = (
    Cloud(
        "tencent",
        ("x-scf-",),
        (
            *("ap-guangzhou", "ap-shanghai", "ap-nanjing", "ap-beijing"),
            *("ap-chengdu", "ap-chongqing", "ap-shenzhen", "ap-hongkong"),
        ),
        r"\.([a-z]{2}-[a-z0-9-]+)\.tencentscf\.com",
    ),
    # Every region in mainland China begins with cn-, and cn-hongkong does (help.aliyun.com/en/functioncompute/regions,
    # read 2026-11-27). The address inside a VPC has -vpc after the region.
    Cloud("aliyun", ("x-fc-",), ("cn-",), r"\.([a-z0-9-]+?)(?:-vpc)?\.fcapp\.run"),
    Cloud(
        "aws",
        ("x-amz",),
        ("ap-east-1",),
        r"\.lambda-url\.([a-z0-9-]+)\.on\.aws|\.execute-api\.([a-z0-9-]+)\.amazonaws\.com"
        r"|\.([a-z0-9-]+)\.elb\.amazonaws\.com",
    ),
    Cloud(
        "cloudflare",
        ("cf-",),
        ("HKG", "MFM"),  # its data centres, named after airports
        advice='Set "placement": {"region": "aws:ap-southeast-1"} in wrangler.jsonc, or choose a provider that serves '
        "this region.",
    ),
    Cloud(
        "vercel",
        ("x-vercel-",),
        ("hkg1",),  # vercel.com/docs/regions, read 2026-11-27
        advice='Set "regions": ["sin1"] in vercel.json and deploy again, or choose a provider that serves this region.',
    ),
    # What the front end adds has no list: two dumps of requests have these (experienceleague.adobe.com, of 2025-07, and
    # learn.microsoft.com's samples for networks), and Easy Auth its tokens. `azurewebsites.net` names a region only for
    # apps made since June 2024. East Asia is Hong Kong.
    Cloud(
        "azure",
        (
            *("x-arr-", "x-waws-", "x-appservice-", "x-azure-functions-", "x-functions-", "x-site-deployment-"),
            *("x-ms-client-principal", "x-ms-token-", "x-ms-invocation-id", "disguised-host", "was-default-hostname"),
        ),
        ("eastasia", "china"),
        r"\.([a-z0-9]+)-[0-9]{2}\.azurewebsites\.net",
        "Create the app in another region, such as southeastasia, or choose a provider that serves this region.",
    ),
    # Of Google's regions, only Hong Kong is not served (docs.cloud.google.com/run/docs/locations, read 2026-11-27).
    # x-serverless-authorization holds a caller's Google identity. Host names with a hash do not tell the region.
    Cloud(
        "cloudrun",
        ("x-cloud-trace-", "x-serverless-"),
        ("asia-east2",),
        r"\.([a-z]+-[a-z]+[0-9]+)\.run\.app",
        "Deploy with --region asia-southeast1 (Singapore), or choose a provider that serves this region.",
    ),
    # It runs in Tencent's regions, whose row is above.
    Cloud("edgeone", ("eo-",)),
)
