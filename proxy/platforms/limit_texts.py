"""Units, kinds and Chinese texts of the limits table, for the documents, the command and the console."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.platforms.limits import Limit

BRACKETS, BRACKETS_ZH = (" (", ")"), ("（", "）")
UNITS = {"bytes": "bytes", "seconds": "s", "milliseconds": "ms"}
KINDS = {True: "fixed", False: "default"}
KINDS_ZH = {True: "固定", False: "默认值，可改"}
STREAMS_ZH = {True: "流式", False: "一次返回"}
UNITS_ZH = {"bytes": "字节", "seconds": "秒", "milliseconds": "毫秒"}
# The Chinese for each of the table's English texts.
TEXTS_ZH = {
    # These stand in place of an entry point. Entry points have their Chinese names in the registry.
    "upload": "上传",
    "every door": "所有入口",
    # Limits.
    "request body": "请求体",
    "request body read": "需要读入内存的请求体（JSON）",
    "response body": "响应体",
    "response body, not streamed": "响应体，非流式",
    "response headers": "响应头",
    "request headers": "请求头",
    "path and query": "路径加查询串",
    "query": "查询串",
    "binary body": "二进制内容",
    "payload": "请求或响应",
    "streamed response": "流式响应",
    "full speed": "不限速部分",
    "silence": "静默",
    "silence, edge endpoint": "静默，边缘端点",
    "upstream silence": "上游静默",
    "time-out": "超时",
    "longest time-out": "最长超时",
    "time-out, set by the console": "超时（由控制台设置时）",
    "longest time-out, Hobby": "最长超时，Hobby 套餐",
    "longest time-out, Pro": "最长超时，Pro 套餐",
    "calls at once in an instance": "单实例并发",
    "time to end after SIGTERM": "收到 SIGTERM 后的结束时间",
    "source without a build": "不经构建直接部署的源代码",
    "unpacked bundle": "解压后的部署包",
    "zip": "zip",
    "environment": "全部环境变量",
    "Worker": "Worker",
    "one variable": "单个变量",
    "name or value of a variable": "变量的名称或值",
    "memory": "内存",
    "start-up": "启动",
    "start-up, set by the scf tool": "启动（由 scf 工具设置时）",
    "most memory": "最大内存",
    "temporary files": "临时文件",
    "upstream connections at once": "并发上游连接数",
    "work after the answer": "回答后的后台工作",
    "CPU time a call": "每次调用的 CPU 时间",
    "longest CPU time a call": "每次调用的 CPU 时间上限",
    "calls a day": "每天的调用次数",
    "upstream calls a call": "每次调用的上游请求数",
    # What happens beyond the limit.
    "413 body_too_large": "413 body_too_large",
    "431 headers_too_large": "431 headers_too_large",
    "504 upstream_timeout": "504 upstream_timeout",
    "400 from the platform": "平台的 400",
    "406 from the platform": "平台的 406",
    "407 from the platform": "平台的 407",
    "433 from the platform": "平台的 433",
    "429 or 432 from the platform": "平台的 429 或 432",
    "502 from the platform": "平台的 502",
    "the platform's own error": "平台自己的错误",
    "the upload is refused": "拒绝上传",
    "413 from the platform": "平台的 413",
    "413 from the platform; Free and Pro": "平台的 413（Free、Pro）",
    "502, and the runtime exits": "502，运行时退出",
    "the function is stopped": "函数被终止",
    "the stream is cut": "流被切断",
    "2 MB/s from there on": "之后限速 2 MB/s",
    "500 from the gateway": "网关的 500",
    "502 from the gateway": "网关的 502",
    "503 from the gateway": "网关的 503",
    "504 from the gateway; edge endpoints cannot raise it": "网关的 504；边缘端点无法调高",
    "413 from the gateway": "网关的 413",
    "413 from the load balancer": "负载均衡的 413",
    "502 from the load balancer": "负载均衡的 502",
    "the isolate is stopped": "实例被终止",
    "error 1102": "错误 1102",
    "error 1027": "错误 1027",
    "an error of fetch": "fetch 报错",
    "434 from the platform": "平台的 434",
    "not documented": "文档未说明",
    "may be refused; longer ones are in use": "可能被拒绝；也有人使用更长的",
    "it starts once more, within the call's own time": "重新启动，计入该次调用的时间",
    "the next one waits": "下一个需要等待",
    "another instance starts": "启动另一个实例",
    "it is cancelled": "被取消",
    "504 from the platform": "平台的 504",
    "500, 502 or 504 from the platform": "平台的 500、502 或 504",
    "sent in chunks, which have no limit": "改用分块传输，没有上限",
    "the revision gets no calls": "该修订版本不接收调用",
    "the process is killed": "进程被强制结束",
}


def amount(row: Limit, units: Mapping[str, str] = UNITS, brackets: tuple[str, str] = BRACKETS) -> str:
    """The number for readers: 6 MB (6,000,000 bytes), 4 KB (4,096 bytes), 900 s, 10 ms, 50."""
    if row.unit == "seconds":
        return (
            f"{row.number * 1e3:g} {units['milliseconds']}" if row.number < 1 else f"{row.number:g} {units['seconds']}"
        )
    if row.unit == "calls":
        return f"{row.number:,.0f}"
    opening, closing = brackets
    exact = f"{row.number:,.0f} {units['bytes']}"
    if row.number < 1_000:
        return exact
    if row.number >= 100_000:
        return f"{round(row.number / 1e6, 2):.10g} MB{opening}{exact}{closing}"
    kilo = 1024 if row.number % 1024 == 0 else 1000  # platforms' 4 KB means 4,096 bytes, but 5 KB means 5,000
    return f"{row.number / kilo:.10g} KB{opening}{exact}{closing}"
