"""The doctor's texts, in both languages, for what platforms answer in place of the function."""

from __future__ import annotations

ENGLISH = {
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
