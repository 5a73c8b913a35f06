"""The doctor's texts, in both languages, for what platforms answer in place of the function."""

from __future__ import annotations

ENGLISH = {
    "vercel.protected": (
        "failed", "Vercel asks for a login before the function is called (Deployment Protection)",
        "Use the production address, or turn Vercel Authentication off in the project's settings: Sluice checks keys."),
    "vercel.missing": (
        "failed", "nothing is deployed at this address ({error})",
        "Copy the production address from Vercel's dashboard, and run npx vercel deploy --prod."),
    "vercel.crashed": (
        "failed", "the function did not start or has ended ({error})",
        "npx vercel logs shows why. Deploy the folder build/vercel, or a clone of the repository as it is."),
    "vercel.timeout": (
        "failed", "Vercel has stopped the function ({error})",
        "Raise maxDuration in vercel.json: up to 300 on the Hobby plan, 800 on Pro."),
    "vercel.large": ("failed", "the request is larger than the 4.5 MB that Vercel takes ({error})", "Send less."),
    "vercel.paused": (
        "failed", "Vercel has paused this deployment ({error})",
        "Its owner's dashboard says why, such as a spending limit or a used-up free plan."),
    "azure.not_running": (
        "failed", "Azure's host runs, but the function does not (HTTP {status})",
        ("Deploy the zip unchanged to an app whose runtime is Python 3.13; the log stream in the portal shows why it "
         "does not start (docs/deploy-azure.md).")),
    "azure.crashed": (
        "failed", "Azure's host got no answer from the function (HTTP {status} without a body)",
        "The log stream in the portal shows why. Deploy the zip unchanged (docs/deploy-azure.md)."),
    "azure.route": (
        "failed", "Azure's host knows no function for this path (HTTP {status} without a body)",
        "Deploy the zip unchanged: its host.json takes every path. With another host.json the address ends in /api."),
    "azure.key": (
        "failed", "Azure asks for a function key before it calls the function (HTTP {status} without a body)",
        "Deploy the zip unchanged: its function.json says anonymous, because Sluice checks keys."),
    "azure.login": (
        "failed", "Azure asks for a login before it calls the function",
        "Turn App Service authentication off in the app's settings (Authentication): Sluice checks keys."),
    "azure.stopped": ("failed", "the function app is stopped (HTTP {status})", "Start it in the portal."),
    "azure.blocked": (
        "failed", "Azure does not let your address in (HTTP {status})",
        "Allow it in the app's settings: Networking, public network access and access restrictions."),
    "azure.silent": (
        "failed", "Azure has ended a call that sent nothing for 230 s (HTTP {status})",
        'Use "stream": true, and leave KEEPALIVE_SECONDS on.'),
    "cloudrun.private": (
        "failed", "Google refuses every caller without a Google identity ({status}), before Sluice is asked",
        "Make the service public: gcloud run services update sluice --no-invoker-iam-check. Sluice checks the keys."),
    "cloudrun.missing": (
        "failed", "Google has no service at this address, or none for callers from the internet ({status})",
        "Copy the address from gcloud run services describe sluice, and deploy with --ingress all."),
    "cloudrun.large": ("failed", "the request is larger than the 32 MiB that Cloud Run takes ({status})", "Send less."),
    "cloudrun.busy": (
        "failed", "Cloud Run has no free instance for this call ({status})",
        "Raise --max-instances or --concurrency, or try again: a new instance may be starting."),
    "cloudrun.crashed": (
        "failed", "the instance did not start, or has ended ({status})",
        "gcloud run services logs read sluice shows why. A setting that is missing is named there."),
    "cloudrun.timeout": (
        "failed", "Cloud Run has ended the call ({status})", "Raise --timeout: up to 3600 seconds."),
    "edgeone.token": (
        "failed", "EdgeOne asks for a token in the address ({status}): edgeone.cool is for previews",
        "Bind a domain of your own in the project's settings, and use that as the base URL."),
    "edgeone.timeout": (
        "failed", "EdgeOne has ended the call, or the function sent nothing for too long ({status})",
        "Set maxDuration to 120 in edgeone.json, use streams, and set KEEPALIVE_FIRST_SECONDS=5."),
    "edgeone.failed": (
        "failed", "the function did not start, or the request is larger than 6 MB ({status})",
        "The project's log in the console shows why. Deploy the folder build/edgeone as it is."),
}  # fmt: skip
CHINESE = {
    "vercel.protected": ("调用函数之前，Vercel 要求登录（Deployment Protection）",
                         "请使用项目的生产环境地址，或在 Settings → Deployment Protection 里关闭 Vercel Authentication：Sluice 自己会检查密钥。"),
    "vercel.missing": ("这个地址上没有部署（{error}）",
                       "请从 Vercel 控制台复制生产环境地址，并运行 npx vercel deploy --prod。"),
    "vercel.crashed": ("函数没有启动，或已经退出（{error}）",
                       "原因见 npx vercel logs。请部署 build/vercel 文件夹，或未改动的仓库副本。"),
    "vercel.timeout": ("Vercel 终止了函数（{error}）",
                       "请调大 vercel.json 里的 maxDuration：Hobby 套餐最多 300，Pro 最多 800。"),
    "vercel.large": ("请求超过 Vercel 的 4.5 MB 上限（{error}）", "请减少内容。"),
    "vercel.paused": ("Vercel 暂停了这个部署（{error}）", "原因见项目所有者的控制台，例如达到支出上限或免费额度用完。"),
    "azure.not_running": ("Azure 的主机在运行，但函数没有启动（HTTP {status}）",
                          "请把 zip 原样部署到运行时为 Python 3.13 的应用；原因见门户里的日志流（docs/deploy-azure.zh-CN.md）。"),
    "azure.crashed": ("Azure 的主机没有收到函数的响应（HTTP {status}，没有正文）",
                      "原因见门户里的日志流。请原样部署 zip（docs/deploy-azure.zh-CN.md）。"),
    "azure.route": ("Azure 的主机不知道由哪个函数处理这个路径（HTTP {status}，没有正文）",
                    "请原样部署 zip：其中的 host.json 接收所有路径。换成别的 host.json 时，地址以 /api 结尾。"),
    "azure.key": ("调用函数之前，Azure 要求函数密钥（HTTP {status}，没有正文）",
                  "请原样部署 zip：其中的 function.json 写的是 anonymous，密钥由 Sluice 检查。"),
    "azure.login": ("调用函数之前，Azure 要求登录", "请在应用设置的「身份验证」里关闭应用服务身份验证：密钥由 Sluice 检查。"),
    "azure.stopped": ("函数应用已停止（HTTP {status}）", "请在门户里启动它。"),
    "azure.blocked": ("Azure 不允许你的 IP 地址访问（HTTP {status}）", "请在应用设置的「网络」里检查公用网络访问和访问限制。"),
    "azure.silent": ("Azure 终止了静默 230 秒的调用（HTTP {status}）", '请使用 "stream": true，并且不要关闭 KEEPALIVE_SECONDS。'),
    "cloudrun.private": ("Google 拒绝没有 Google 身份的调用方（{status}），请求没有到达 Sluice",
                         "请公开它：gcloud run services update sluice --no-invoker-iam-check。密钥由 Sluice 检查。"),
    "cloudrun.missing": ("这个地址上没有服务，或服务不接受来自公网的调用（{status}）",
                         "请从 gcloud run services describe sluice 复制地址，并使用 --ingress all 部署。"),
    "cloudrun.large": ("请求超过 Cloud Run 的 32 MiB 上限（{status}）", "请减少内容。"),
    "cloudrun.busy": ("Cloud Run 没有空闲实例处理这次调用（{status}）",
                      "请调大 --max-instances 或 --concurrency，或稍后重试：新实例可能正在启动。"),
    "cloudrun.crashed": ("实例没有启动，或已经退出（{status}）",
                         "原因见 gcloud run services logs read sluice，缺少的设置也写在那里。"),
    "cloudrun.timeout": ("Cloud Run 终止了调用（{status}）", "请调大 --timeout，最多 3600 秒。"),
    "edgeone.token": ("EdgeOne 要求地址里带有令牌（{status}）：edgeone.cool 只用于预览",
                      "请在项目设置里绑定自己的域名，并把它用作接口地址。"),
    "edgeone.timeout": ("EdgeOne 终止了调用，或函数太久没有返回内容（{status}）",
                        "请把 edgeone.json 里的 maxDuration 设为 120，使用流式，并设置 KEEPALIVE_FIRST_SECONDS=5。"),
    "edgeone.failed": ("函数没有启动，或请求超过 6 MB（{status}）",
                       "原因见控制台里项目的日志。请原样部署 build/edgeone 文件夹。"),
}  # fmt: skip
