"""The Chinese prose of the limits page. No function ships with it; the table's own words are in limit_texts."""

from __future__ import annotations

HEAD = ("入口", "什么", "多少", "类别", "超过之后", "出处，查阅日期")
INTRODUCTION = """# 限制一览

[English](limits.md)

水闸要么放水，要么拦住。平台也是这样：有的把回答逐字传出去，有的先收下整个回答，再一次交出。而且每个平台都有大小和时间的上限。本页按各平台
自己的文档列出这些上限；它由 `proxy/platforms/limits.py` 生成，程序本身也照此执行。

*入口*：调用进来的路，比如函数 URL、网关、负载均衡；后面注明*流式*（逐字传出）还是*一次给出*。*固定*：谁也改不了。*默认值*：可以用设置或套餐
更改；对大模型来说太小的（3 秒的超时），请先改掉。1 MB 按一百万字节计。

## 到达上限之前，Sluice 做什么

- **请求太大**：只要平台让我们看到这个请求，就回 413（OpenAI 格式），写明数字和办法；否则你看到的是平台自己的回应，见下表。
- **不支持流式的入口，回答太大**：先合并流里的片段，文字一个不少（流式每个词要多花约 200 字节）。还是放不下，就给出放得下的部分，
  `finish_reason: "length"`，并带上响应头 `x-sluice-truncated: response_limit`。其他回答变成写明上限的 502。
- **支持流式的入口，没有要求流式、又太大的回答**：腾讯 Web 函数一次最多给出 6 MB。事先知道长度的回答会变成写明上限的 502，而不是平台那个没有说明的 407。
- **大小按平台的算法计**，不只是你的文字：AWS Lambda 的 6,291,556 字节是整个 JSON 信封，包括引号前的反斜杠。二进制以 base64 传送，大三分之一，所以
  6 MB 约能装 4.5 MB,ALB 的 1 MB 约能装 0.75 MB。运行时会转义的地方，中文大一倍（腾讯事件函数；Lambda 托管的 Python 3.12 至 3.15 以外）。
- **时间**：留出最后 10 %（最多 2 秒）写真实的结尾。流式回答给出已有的文字和 `finish_reason: "length"`。没有要求流式的对话回答，剩余不到 60 秒时
  由流拼成(`ASSEMBLE`)，这样也能给出已有的文字，并带上 `x-sluice-truncated: deadline`。还什么都没有，或者无法拼成时：504。5 秒以下的超时会写在
  `/readyz` 里。
- **Cloudflare Workers** 不限回答的大小，调用者还连着时也不限时间；先用完的是 CPU 时间。
- **Cloudflare Workers 上原样传送的流**：上游断开时不报错就结束，只能从缺少 `data: [DONE]` 看出来。`STREAM_GUARD=1` 可以换来错误事件。
- **腾讯事件函数**：在函数 URL、负载均衡（CLB）和旧的 API 网关（2026-10-30 起分批关停）后面上限相同；函数 URL 只能传文本，二进制会变成 502。

没有任何文档说明、因此未知的：腾讯 Web 函数最多能流式传多少字节、允许静默多久；腾讯的函数启动太慢时回什么；自定义域名的网关是否会改动编码过的路径。
说法不一的：腾讯一页文档写每个实例可同时处理 2 到 100 个调用（583/47183），另一页写每个实例只有一个 SSE 连接（583/90617）。
"""
FOOT = """
`python -m proxy limits` 打印这张表，`--platform aws` 只打印一部分。
"""
# Sources that are more than the name of a page.
SOURCES = {
    "6 MB less base64's third": "6 MB 减去 base64 多占的部分",
    "AWS's Runtime Interface Emulator, Function.ResponseSizeTooLarge": "AWS 的 Runtime Interface Emulator,Function.ResponseSizeTooLarge",
    "docs/deploy-cloudflare.md: three copies of it must fit into the memory": "docs/deploy-cloudflare.md：内存里要放得下它的三份",
    "developers.cloudflare.com/workers/platform/limits/: 64 MB; older pages 3 MB, which is kept": "developers.cloudflare.com/workers/platform/limits/: 64 MB；旧页面写 3 MB，这里以它为准",
    "docs/configuration.md, MAX_BODY_MB": "docs/configuration.md, MAX_BODY_MB",
    "docs/configuration.md, TIMEOUT_SECONDS": "docs/configuration.md, TIMEOUT_SECONDS",
}
