"""Every platform that Sluice runs on. Whatever lists platforms, functions, doors or bundles reads it here.

A new platform is a row of PLATFORMS, its rows in `limits.py`, and one adapter: docs/architecture.md has an example.
"""

from __future__ import annotations

from proxy.platforms.limits import number
from proxy.platforms.platform import Bundle, Door, Function, Platform

# In the limits table, these stand in place of a door: what holds at all of a platform's doors, and at the upload.
EVERY_DOOR, UPLOAD = "every door", "upload"

# Packages that several bundles hold, and modules that several lack.
_HTTPX = ("anyio", "certifi", "h11", "httpcore", "httpx", "idna", "itsdangerous", "typing-extensions")
_BEFORE_3_11 = ("exceptiongroup", "sniffio", "tomli")
_ENGINES = ("proxy.transports.direct", "proxy.transports.httpx")
# Stores that need a file system or a TCP connection. Where they are missing, a sentence says what to set instead.
_STORES = ("proxy.store.redis_client", "proxy.store.sqlite")
_COUNTING = (*("proxy.tokens.completion", "proxy.tokens.images", "proxy.tokens.prompt", "proxy.tokens.vocabulary"),)
# What runs our own server, and what such a function does without: the faster parser starts more slowly than h11.
_SERVER = ("click", "uvicorn")
_WEB_LACKS = ("proxy.adapters.server_httptools", "proxy.metrics")
# tiktoken has had no wheel for an older glibc since 0.12. Tencent's Python 3.10 has 2.28, by what its pages say, and
# Debian 11 and 12, which Aliyun's Python 3.12 runs on, have 2.31 and 2.36.
_GLIBC_2_28 = ("x86_64-manylinux_2_28",)
_SCF_LIMIT = int(number("tencent", UPLOAD, "unpacked bundle"))

# Host names that AWS gives out. Both kinds of API share one.
_FUNCTION_URL, _API_GATEWAY, _ALB = "*.lambda-url.*.on.aws", "*.execute-api.*.amazonaws.com", "*.elb.amazonaws.com"
# Both functions of each AWS template share one bundle. All of its packages are pure Python but tiktoken, which is taken
# for both architectures, so one zip serves arm64 and x86_64.
_AWS = Bundle(
    "aws",
    python="3.13",
    wheels="aarch64-manylinux2014",
    packages=(*_HTTPX, "mangum"),
    files=("handler.py",),
    bootstrap="aws_bootstrap",
    prefix="/var/task",
    limit=int(number("aws", UPLOAD, "unpacked bundle")),
    zip_limit=int(number("aws", UPLOAD, "zip")),
    tiktoken=("aarch64-manylinux_2_28", "x86_64-manylinux_2_28"),
)

PLATFORMS = (
    Platform(
        "tencent",
        "Tencent Cloud Functions (SCF)",
        "腾讯云函数 SCF",
        (
            Function(
                "tencent-scf-web",
                "proxy.adapters.scf_web",
                (Door("web function", "Web 函数", streams=True),),
                Bundle(
                    "scf-web",
                    python="3.10",
                    wheels="x86_64-manylinux2014",
                    packages=(*_HTTPX, *_BEFORE_3_11, *_SERVER),
                    files=("handler.py",),
                    bootstrap="scf_bootstrap",
                    prefix="/var/user",
                    limit=_SCF_LIMIT,
                    tiktoken=_GLIBC_2_28,
                    lacks=_WEB_LACKS,
                ),
            ),
            Function(
                "tencent-scf-event",
                "proxy.adapters.scf_event",
                (Door("event function", "事件函数", streams=False),),
                Bundle(
                    "scf-event",
                    python="3.10",
                    wheels="x86_64-manylinux2014",
                    packages=(*_HTTPX, *_BEFORE_3_11),
                    files=("handler.py",),
                    prefix="/var/user",
                    limit=_SCF_LIMIT,
                    tiktoken=_GLIBC_2_28,
                ),
            ),
        ),
    ),
    Platform(
        "aliyun",
        "Aliyun Function Compute (FC)",
        "阿里云函数计算 FC",
        (
            Function(
                "aliyun-fc",
                "proxy.adapters.aliyun_fc",
                (Door("web function", "Web 函数", streams=True),),
                Bundle(
                    "aliyun",
                    python="3.12",
                    wheels="x86_64-manylinux2014",
                    packages=(*_HTTPX, *_SERVER),
                    files=("handler.py",),
                    bootstrap="aliyun_bootstrap",
                    prefix="/code",
                    limit=int(number("aliyun", UPLOAD, "zip")),  # no page says how much it may be unpacked
                    tiktoken=_GLIBC_2_28,
                    lacks=_WEB_LACKS,
                ),
            ),
        ),
    ),
    Platform(
        "aws",
        "AWS Lambda",
        "AWS Lambda",
        (
            Function(
                "aws-lambda-buffered",
                "proxy.adapters.aws_buffered",
                (
                    Door("function URL", "函数 URL", streams=False, hosts=(_FUNCTION_URL,)),
                    Door("HTTP API", "API Gateway HTTP API", streams=False, hosts=(_API_GATEWAY,)),
                    Door("REST API", "API Gateway REST", streams=False, hosts=(_API_GATEWAY,)),
                    Door("ALB", "负载均衡 ALB", streams=False, hosts=(_ALB,)),
                ),
                _AWS,
            ),
            Function(
                "aws-lambda-stream",
                "proxy.adapters.aws_stream",
                (
                    Door("function URL stream", "函数 URL", streams=True, hosts=(_FUNCTION_URL,)),
                    Door("REST API stream", "API Gateway REST", streams=True, hosts=(_API_GATEWAY,)),
                ),
                _AWS,
            ),
        ),
    ),
    Platform(
        "cloudflare",
        "Cloudflare Workers",
        "Cloudflare Workers",
        (
            Function(
                "cloudflare",
                "proxy.adapters.workers",
                (
                    Door("Worker", "Worker", streams=True),
                    Door("Worker (free)", "Worker（免费套餐）", streams=True),
                    Door("Worker (paid)", "Worker（付费套餐）", streams=True),
                ),
                Bundle(
                    "cloudflare",
                    python="",  # the platform compiles at the upload, into a snapshot
                    wheels="x86_64-manylinux2014",
                    packages=("itsdangerous",),
                    files=("wrangler.jsonc", "pyproject.toml", "src/entry.py"),
                    prefix="",
                    limit=int(number("cloudflare", UPLOAD, "Worker")),
                    origin="cloudflare",
                    sources="src",
                    lacks=(*_ENGINES, *_STORES, *_COUNTING),
                ),
            ),
        ),
    ),
    Platform(
        "vercel",
        "Vercel Functions",
        "Vercel Functions",
        (
            Function(
                "vercel",
                "proxy.adapters.vercel",
                (Door("function", "函数", streams=True),),
                Bundle(
                    "vercel",
                    python="3.13",
                    wheels="x86_64-manylinux2014",
                    packages=_HTTPX,
                    files=("app.py", "pyproject.toml", "vercel.json"),
                    prefix="/var/task",
                    limit=int(number("vercel", UPLOAD, "unpacked bundle")),
                    origin="vercel",
                    tiktoken=("x86_64-manylinux_2_28",),
                    lacks=("proxy.metrics",),
                    # vercel.com/docs/builds/build-features#ignored-files-and-folders, read 2026-11-27
                    not_uploaded=(".cache", ".git", ".vercel", ".venv", "__pycache__", "node_modules", "venv"),
                ),
            ),
        ),
    ),
    Platform(
        "azure",
        "Azure Functions",
        "Azure Functions",
        (
            Function(
                "azure-functions",
                "proxy.adapters.azure_functions",
                (Door("function", "函数", streams=True),),
                Bundle(
                    "azure",
                    python="3.13",
                    wheels="x86_64-manylinux2014",
                    packages=(*_HTTPX, *_SERVER),
                    files=("app.py", "host.json", "requirements.txt", "sluice/function.json"),
                    prefix="/home/site/wwwroot",
                    limit=int(number("azure", UPLOAD, "temporary files")),  # no page says how large a package may be
                    origin="azure",
                    tiktoken=("x86_64-manylinux_2_28",),
                    lacks=_WEB_LACKS,
                ),
            ),
        ),
    ),
    Platform(
        "cloudrun",
        "Google Cloud Run",
        "Google Cloud Run",
        (
            Function(
                "cloudrun",
                "proxy.adapters.cloudrun",
                (Door("service", "服务", streams=True, hosts=("*.run.app",)),),
                Bundle(
                    "cloudrun",
                    python="3.13",
                    wheels="x86_64-manylinux2014",
                    packages=(*_HTTPX, *_SERVER),
                    files=("main.py", "Procfile", ".python-version"),
                    prefix="/workspace",
                    limit=int(number("cloudrun", UPLOAD, "source without a build")),
                    origin="cloudrun",
                    tiktoken=_GLIBC_2_28,
                    lacks=_WEB_LACKS,
                ),
            ),
        ),
    ),
    Platform(
        "edgeone",
        "EdgeOne Pages",
        "EdgeOne Pages",
        (
            Function(
                "edgeone",
                "proxy.adapters.edgeone",
                (Door("function", "函数", streams=True, hosts=("*.edgeone.cool",)),),
                Bundle(
                    "edgeone",
                    python="",  # its tool takes sources alone, for Python 3.10
                    wheels="x86_64-manylinux2014",
                    packages=("certifi", "click", "h11", "itsdangerous", "typing-extensions", "uvicorn"),
                    files=("edgeone.json", "cloud-functions/index.py"),
                    prefix="/var/user",
                    limit=int(number("edgeone", UPLOAD, "unpacked bundle")),
                    origin="edgeone",
                    sources="cloud-functions",
                    # Its tool refuses modules that are called like well-known packages, httpx among them.
                    lacks=(*_ENGINES[1:], *_STORES, *_COUNTING, "proxy.metrics"),
                    listed=True,
                ),
            ),
        ),
    ),
    Platform(
        "server",
        "A server of your own",
        "自己的服务器",
        (Function("server", "proxy.adapters.asgi", (Door("http", "HTTP", streams=True),)),),
    ),
)

FUNCTIONS = {function.name: function for platform in PLATFORMS for function in platform.functions}
DOORS = {(platform.name, door.name): door for platform in PLATFORMS for door in platform.doors}
BUNDLES = {function.bundle.name: function.bundle for function in FUNCTIONS.values() if function.bundle}
# The files that platforms execute themselves.
BOOTSTRAPS = tuple(sorted({bundle.bootstrap for bundle in BUNDLES.values() if bundle.bootstrap}))


def adapters(bundle: str) -> tuple[str, ...]:
    """The modules that a bundle's functions run: where its import closure begins."""
    functions = (function for function in FUNCTIONS.values() if function.bundle)
    return tuple(function.adapter for function in functions if function.bundle is BUNDLES[bundle])


def platform_of(function: Function) -> Platform:
    """The platform that a function belongs to."""
    return next(platform for platform in PLATFORMS if function in platform.functions)
