"""The Chinese prose of the limits page, which no bundle contains; limit_texts has the texts of the table."""

from __future__ import annotations

HEAD = ("入口", "限制项", "数值", "类别", "超过时", "出处，查阅日期")
INTRODUCTION = """# 限制一览

[English](limits.md)

水闸要么放水，要么拦住。平台也是如此：有的逐字转发回答，有的先收下整个回答，再一次返回；每个平台都有大小和时间的上限。本页根据各平台的
文档列出这些上限，由 `proxy/platforms/limits.py` 生成，程序本身也依据它运行。

*入口*指调用进入的方式，例如函数 URL、网关或负载均衡，后面注明*流式*（逐字返回）还是*一次返回*。*固定*的上限无法更改。*默认值*可以通过设置或
套餐更改；对大模型来说过小的值（例如 3 秒的超时），请先修改。本页的 1 MB 为一百万字节。

![各平台的每种入口：支持流式还是整段返回，以及大小和时间的上限。](platforms.zh-CN.svg)

## 接近上限时 Sluice 的行为

- **请求过大**：只要平台把请求交给 Sluice，就返回 413（OpenAI 格式），写明上限和处理办法；否则你会看到平台自己的响应，见下表。
- **入口不支持流式，回答过大**：先合并流里的片段，文字不会丢失（流式传输时每个词约多占 200 字节）。仍然放不下时，返回放得下的部分，
  带上 `finish_reason: "length"` 和响应头 `x-sluice-truncated: response_limit`。其他回答变为写明上限的 502。
- **入口支持流式，但非流式回答过大**：腾讯 Web 函数一次最多返回 6 MB。事先知道长度的回答变为写明上限的 502，而不是平台不带说明的 407。
- **大小按平台的方式计算**，不只是文字本身：AWS Lambda 的 6,291,556 字节包括整个 JSON 外层结构和引号前的反斜杠。二进制以 base64 传输，增大
  三分之一，因此 6 MB 约可容纳 4.5 MB，ALB 的 1 MB 约可容纳 0.75 MB。在会转义中文的运行时里，中文大一倍（腾讯事件函数；Lambda 托管的
  Python 3.12 至 3.15 以外）。
- **时间**：预留最后 10%（最多 2 秒）用于正常结束回答。流式回答返回已有的文字和 `finish_reason: "length"`。非流式的对话回答在剩余时间不到
  60 秒时改用流式获取再拼接（`ASSEMBLE`），因此也能返回已有的文字，并带上 `x-sluice-truncated: deadline`。还没有任何内容或无法拼接时返回 504。
  5 秒及以下的超时会在 `/readyz` 里提示。
- **Cloudflare Workers** 不限制回答的大小，调用方保持连接时也不限制时间；最先用完的是 CPU 时间。
- **Cloudflare Workers 上原样转发的流**：上游断开时直接结束，不报错，只能从缺少 `data: [DONE]` 看出来。`STREAM_GUARD=1` 可以改为发送错误事件。
- **腾讯事件函数**：通过函数 URL、负载均衡（CLB）和旧的 API 网关（2026-10-30 起分批关停）调用时上限相同；函数 URL 只能传输文本，二进制会变为 502。
- **Vercel** 的 Python 函数都支持流式，因此流和其他回答都没有大小上限。
- **Azure Functions** 会终止静默 230 秒的调用。Sluice 提前几秒返回 504；流式回答有保活，不会静默，因此可以继续。文档没有给出回答大小的上限。
- **Cloud Run** 只限制一次返回的回答。更大的回答由 Sluice 改用分块传输，不会因大小而失败。

文档没有说明、因此未知：腾讯 Web 函数最多可以流式传输多少字节、允许静默多久；腾讯的函数启动过慢时返回什么；自定义域名的网关是否会改动编码过的
路径；阿里云 Web 函数的回答（一次返回或流式）最多多大、允许静默多久，以及它的网关是否会改动编码过的路径。文档说法不一：腾讯的一页文档写每个实例可同时处理 2 至 100 个调用（583/47183），另一页写每个实例只有一个 SSE 连接（583/90617）。

Vercel 的文档没有说明：调用方断开时是否通知 Python 函数，流允许静默多久，单个实例可同时处理多少个调用，以及编码过的路径是否原样到达函数。

微软的文档没有说明：持续有数据的流能否超过 230 秒（原文是「HTTP 触发的函数最多可以用 230 秒来响应」，理由却是空闲超时），前端是否逐段转发、是否把
调用方断开告诉 Functions 主机，以及部署包最大可以多大。

Google 的文档没有说明：Cloud Run 接受多少请求头，流允许静默多久，以及通过 HTTP/1 时服务能否得知调用方已断开。文档写明的是：编码过的路径里有些字符
到达时已被解码。

EdgeOne Pages 的文档没有说明 Python 函数的回答大小、流允许静默多久、单实例并发，以及它的网络如何处理流和路径。表中的大小是它的 Node.js 函数的。
"""
FOOT = """
`python -m proxy limits` 按终端宽度打印这张表。`--platform aws` 只打印其中一个平台，`--lang zh` 用中文打印。
"""
# Sources that are more than a page's name.
SOURCES = {
    "6 MB less base64's third": "6 MB 减去 base64 多占的部分",
    "AWS's Runtime Interface Emulator, Function.ResponseSizeTooLarge": "AWS 的 Runtime Interface Emulator，Function.ResponseSizeTooLarge",
    "docs/deploy-cloudflare.md: three copies of it must fit into the memory": "docs/deploy-cloudflare.zh-CN.md 说明内存需要容纳它的三份副本",
    "developers.cloudflare.com/workers/platform/limits/: 64 MB; older pages 3 MB, which is kept": "developers.cloudflare.com/workers/platform/limits/ 为 64 MB；旧页面为 3 MB，这里采用后者",
    "PyPI alibabacloud-fc20230330 4.8.3, CreateFunctionInput": "PyPI 的 alibabacloud-fc20230330 4.8.3，CreateFunctionInput",
    "github.com/devsapp/fc3, docs/zh/yaml/readme.md": "github.com/devsapp/fc3 的 docs/zh/yaml/readme.md",
    "docs/configuration.md, MAX_BODY_MB": "docs/configuration.zh-CN.md 的 MAX_BODY_MB",
    "docs/configuration.md, TIMEOUT_SECONDS": "docs/configuration.zh-CN.md 的 TIMEOUT_SECONDS",
    "learn.microsoft.com/azure/azure-functions/functions-scale: 210 MB since 2026; the host's own 100 MiB, which is kept": "learn.microsoft.com/azure/azure-functions/functions-scale 在 2026 年起写 210 MB；主机自己的默认值为 100 MiB，这里采用后者",
    "github.com/Azure/azure-functions-host, HttpWorkerOptions.cs: 30 s; the documents say 60 s": "github.com/Azure/azure-functions-host 的 HttpWorkerOptions.cs 为 30 秒；文档为 60 秒",
    "Cloud Run Admin API v1 in gcloud 528, RevisionSpec": "gcloud 528 自带的 Cloud Run Admin API v1，RevisionSpec",
    "github.com/GoogleCloudPlatform/cloud-run-mcp, lib/deployment/constants.js": "github.com/GoogleCloudPlatform/cloud-run-mcp 的 lib/deployment/constants.js",
    "github.com/TencentEdgeOne/edgeone-pages-skills, skills/edgeone-pages-dev/SKILL.md": "github.com/TencentEdgeOne/edgeone-pages-skills 的 skills/edgeone-pages-dev/SKILL.md",
    "not documented; measured in public code on 2026-10-10, with Node.js": "文档未说明；公开代码于 2026-10-10 用 Node.js 测得",
    "npm edgeone 1.4.9, cloudFunctions.python.maxDuration": "npm 的 edgeone 1.4.9，cloudFunctions.python.maxDuration",
}
