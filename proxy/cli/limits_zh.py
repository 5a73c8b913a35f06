"""The Chinese words for the limits page. No function ships with them."""

from __future__ import annotations

PLATFORMS = {
    "tencent": "腾讯云函数 SCF",
    "aws": "AWS Lambda",
    "cloudflare": "Cloudflare Workers",
    "server": "自己的服务器",
}
HEAD = ("入口", "什么", "多少", "类别", "超过之后", "出处,查阅日期")
INTRODUCTION = """# 限制一览

[English](limits.md)

水闸要么放水,要么拦住。平台也是这样:有的把回答逐字传出去,有的先收下整个回答,再一次交出。而且每个平台都有大小和时间的上限。本页按各平台
自己的文档列出这些上限;它由 `proxy/limits.py` 生成,程序本身也照此执行。

*固定*:谁也改不了。*默认值*:可以用设置更改;对大模型来说太小的(3 秒的超时),请先改掉。

## 到达上限之前,Sluice 做什么

- **请求太大**:只要平台让我们看到这个请求,就回 413(OpenAI 格式),写明数字和办法;否则你看到的是平台自己的回应,见下表。
- **不支持流式的入口,回答太大**:先合并流里的片段,文字一个不少(流式每个词要多花约 200 字节)。还是放不下,就给出放得下的部分,
  `finish_reason: "length"`,并带上响应头 `x-sluice-truncated: response_limit`。其他回答变成写明上限的 502。大小按平台的算法计:整个 JSON
  信封、引号前的反斜杠、二进制的 base64(大三分之一),以及会转义的运行时里中文大一倍(腾讯事件函数;Lambda 托管的 Python 3.12 至 3.15 以外)。
- **时间**:留出最后 10 %(最多 2 秒)写真实的结尾。流式回答给出已有的文字和 `finish_reason: "length"`。没有要求流式的对话回答,剩余不到 60 秒时
  由流拼成(`ASSEMBLE`),这样也能给出已有的文字,并带上 `x-sluice-truncated: deadline`。还什么都没有,或者无法拼成时:504。5 秒以下的超时会写在
  `/readyz` 里。
- **Cloudflare Workers 上原样传送的流**:上游断开时不报错就结束,只能从缺少 `data: [DONE]` 看出来。`STREAM_GUARD=1` 可以换来错误事件。
- **腾讯事件函数**:在函数 URL、负载均衡(CLB)和旧的 API 网关(2026-10-30 起分批关停)后面上限相同;函数 URL 只能传文本,二进制会变成 502。

没有任何文档说明、因此未知的:腾讯 Web 函数最多能流式传多少字节、允许静默多久;自定义域名的网关是否会改动编码过的路径。
"""
FOOT = """
`python -m proxy limits` 打印这张表,`--platform aws` 只打印一部分。
"""
TEXTS = {
    # Doors.
    "http": "HTTP",
    "web function": "Web 函数",
    "event function": "事件函数",
    "upload": "上传",
    "function URL": "函数 URL,缓冲",
    "function URL stream": "函数 URL,流式",
    "HTTP API": "API Gateway HTTP API",
    "REST API": "API Gateway REST",
    "REST API stream": "API Gateway REST,STREAM",
    "ALB": "负载均衡 ALB",
    "Worker": "Worker",
    "Worker (free)": "Worker(免费套餐)",
    "Worker (paid)": "Worker(付费套餐)",
    # What.
    "request body": "请求体",
    "request body read": "要读入的请求体(JSON)",
    "response body": "响应体",
    "response body, not streamed": "响应体,非流式",
    "response headers": "响应头",
    "binary body": "二进制内容",
    "payload": "请求或响应",
    "streamed response": "流式响应",
    "full speed": "全速部分",
    "silence": "静默",
    "upstream silence": "上游静默",
    "time-out": "超时",
    "longest time-out": "最长超时",
    "calls at once in an instance": "单实例并发",
    "unpacked bundle": "解压后的包",
    "zip": "zip",
    "environment": "全部环境变量",
    "one variable": "单个变量",
    "memory": "内存",
    "start-up": "启动",
    "CPU time a call": "每次调用的 CPU",
    "longest CPU time a call": "每次调用 CPU 的上限",
    "calls a day": "每天的调用",
    "upstream calls a call": "每次调用的上游请求",
    # Answers.
    "413 body_too_large": "413 body_too_large",
    "504 upstream_timeout": "504 upstream_timeout",
    "406 from the platform": "平台的 406",
    "407 from the platform": "平台的 407",
    "433 from the platform": "平台的 433",
    "429 or 432 from the platform": "平台的 429 或 432",
    "the platform's own error": "平台自己的错误",
    "the upload is refused": "上传被拒",
    "413 from the platform": "平台的 413",
    "413 from the platform; Free and Pro": "平台的 413(Free、Pro)",
    "502, and the runtime exits": "502,运行时退出",
    "the function is stopped": "函数被终止",
    "the stream is cut": "流被切断",
    "the stream is cut; 30 s on edge endpoints": "流被切断;边缘端点 30 秒",
    "2 MB/s from there on": "之后 2 MB/s",
    "500 from the gateway": "网关的 500",
    "502 from the gateway": "网关的 502",
    "503 from the gateway": "网关的 503",
    "504 from the gateway": "网关的 504",
    "413 from the gateway": "网关的 413",
    "413 from the load balancer": "负载均衡的 413",
    "502 from the load balancer": "负载均衡的 502",
    "the isolate is stopped": "实例被终止",
    "error 1102": "错误 1102",
    "error 1027": "错误 1027",
    "an error of fetch": "fetch 报错",
}
