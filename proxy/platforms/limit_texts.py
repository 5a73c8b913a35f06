"""The limits table in words, English and Chinese: for the documents, the command and the console."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.platforms.limits import Limit

UNITS = {"bytes": "bytes", "seconds": "s", "milliseconds": "ms"}
KINDS = {True: "fixed", False: "default"}
KINDS_ZH = {True: "固定", False: "默认值，可改"}
STREAMS_ZH = {True: "流式", False: "一次给出"}
UNITS_ZH = {"bytes": "字节", "seconds": "秒", "milliseconds": "毫秒"}
# The table's own English texts.
TEXTS_ZH = {
    # In place of a door. Doors have their names in the registry.
    "upload": "上传",
    "every door": "所有入口",
    # What.
    "request body": "请求体",
    "request body read": "要读入的请求体（JSON）",
    "response body": "响应体",
    "response body, not streamed": "响应体，非流式",
    "response headers": "响应头",
    "request headers": "请求头",
    "binary body": "二进制内容",
    "payload": "请求或响应",
    "streamed response": "流式响应",
    "full speed": "全速部分",
    "silence": "静默",
    "silence, edge endpoint": "静默，边缘端点",
    "upstream silence": "上游静默",
    "time-out": "超时",
    "longest time-out": "最长超时",
    "calls at once in an instance": "单实例并发",
    "unpacked bundle": "解压后的包",
    "zip": "zip",
    "environment": "全部环境变量",
    "Worker": "Worker",
    "one variable": "单个变量",
    "name or value of a variable": "变量的名称或值",
    "memory": "内存",
    "start-up": "启动",
    "start-up, set by the scf tool": "启动，由 scf 工具设定时",
    "most memory": "最大内存",
    "upstream connections at once": "同时的上游连接",
    "work after the answer": "回答之后的工作",
    "CPU time a call": "每次调用的 CPU",
    "longest CPU time a call": "每次调用 CPU 的上限",
    "calls a day": "每天的调用",
    "upstream calls a call": "每次调用的上游请求",
    # Answers.
    "413 body_too_large": "413 body_too_large",
    "431 headers_too_large": "431 headers_too_large",
    "504 upstream_timeout": "504 upstream_timeout",
    "406 from the platform": "平台的 406",
    "407 from the platform": "平台的 407",
    "433 from the platform": "平台的 433",
    "429 or 432 from the platform": "平台的 429 或 432",
    "the platform's own error": "平台自己的错误",
    "the upload is refused": "上传被拒",
    "413 from the platform": "平台的 413",
    "413 from the platform; Free and Pro": "平台的 413(Free、Pro)",
    "502, and the runtime exits": "502，运行时退出",
    "the function is stopped": "函数被终止",
    "the stream is cut": "流被切断",
    "2 MB/s from there on": "之后 2 MB/s",
    "500 from the gateway": "网关的 500",
    "502 from the gateway": "网关的 502",
    "503 from the gateway": "网关的 503",
    "504 from the gateway; edge endpoints cannot raise it": "网关的 504；边缘端点无法提高",
    "413 from the gateway": "网关的 413",
    "413 from the load balancer": "负载均衡的 413",
    "502 from the load balancer": "负载均衡的 502",
    "the isolate is stopped": "实例被终止",
    "error 1102": "错误 1102",
    "error 1027": "错误 1027",
    "an error of fetch": "fetch 报错",
    "434 from the platform": "平台的 434",
    "not documented": "文档没有写",
    "may be refused; longer ones are in use": "可能被拒；也有人用更长的",
    "it starts once more, within the call's own time": "重新启动，算在调用自己的时间里",
    "the next one waits": "下一个要等",
    "it is cancelled": "被取消",
}


def amount(row: Limit, units: Mapping[str, str] = UNITS) -> str:
    """The number as people read it: 6 MB (6,000,000 bytes), 4 KB (4,096 bytes), 900 s, 10 ms, 50."""
    if row.unit == "seconds":
        return (
            f"{row.number * 1e3:g} {units['milliseconds']}" if row.number < 1 else f"{row.number:g} {units['seconds']}"
        )
    if row.unit == "calls":
        return f"{row.number:,.0f}"
    exact = f"{row.number:,.0f} {units['bytes']}"
    if row.number < 1_000:
        return exact
    if row.number >= 100_000:
        return f"{round(row.number / 1e6, 2):.10g} MB ({exact})"
    kilo = 1024 if row.number % 1024 == 0 else 1000  # a platform's 4 KB are 4,096 bytes, its 5 KB are 5,000
    return f"{row.number / kilo:.10g} KB ({exact})"
