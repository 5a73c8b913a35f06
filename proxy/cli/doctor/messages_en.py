"""The doctor's English texts: for each code its state, what was found, and what to do about it."""

from __future__ import annotations

from proxy.cli.doctor import platform_messages

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"
STATES = (OK, WARNING, FAILED, SKIPPED)
COPY_AGAIN = "Copy the base URL again from your deployment; it ends in /v1."
KEY_HINT = "Set SLUICE_KEY (or PROXY_KEY) to the key that callers send, or pipe the key in and add --key -."
KEY_QUESTION = "Key that callers send (what you type is not shown)"
INVALID_KEY_OPTION = "--key accepts only -, which reads the key from standard input."
INVALID_URL = "--url must be an address such as https://example.com/v1, without a user name."
INVALID_PORT = "--url has an invalid port; ports range from 0 to 65535."
COST_URL = "This calls the model twice, for at most {tokens} tokens each: a fraction of a cent."
COST_SIZE = "--size sends two bodies near the size limit. Neither reaches the model, so they cost no tokens."
COST_LOCAL = "This costs no tokens: it only asks the upstream for its list of models."
REPORT_NEEDS_URL = "--report needs --url: it is about a deployed endpoint."
REPORT_NEEDS_FILE = "--json and --report both write to standard output. Name a file: --report report.md"
HOST_NEEDS_REPORT = "--with-host needs --report: it adds the host name to the report."
REPORT_NOT_WRITTEN = "{file} cannot be written: {why}. Name another file: --report report.md"
REPORT_WRITTEN = "The report is in {file}. Read it, then share it as docs/verified.md says."
SUMMARY = "{ok} ok, {warning} to check, {failed} to fix, {skipped} skipped"

TEXTS: dict[str, tuple[str, str, str]] = {
    # This machine and the project.
    "python.ok": (OK, "Python {version}", ""),
    "settings.ok": (OK, "settings are valid ({count} set)", ""),
    "settings.demo": (
        OK, "no settings: `serve` runs the built-in demo; once deployed, callers bring their own keys", ""),
    "settings.wrong": (FAILED, "invalid setting: {message}", "Correct it where you set it."),
    "settings.weak": (WARNING, "{message}", ""),
    "file.found": (OK, "settings file {path}", ""),
    "file.none": (SKIPPED, "no sluice.toml here; only environment variables apply", ""),
    "package.ok": (OK, "{name} {version}", ""),
    "package.uvicorn": (WARNING, "uvicorn is not installed", "Run `make setup`; `serve` needs it."),
    "package.httptools": (WARNING, "httptools is not installed", "Run `make setup`; servers are slower without it."),
    "package.tiktoken": (WARNING, "tiktoken is not installed", "Run `make setup`; counting tokens needs it."),
    "package.itsdangerous": (
        WARNING, "itsdangerous is not installed", "Run `make setup`; signed keys (SIGNING_SECRET) need it."),
    "package.mangum": (WARNING, "mangum is not installed", "Run `make setup`; buffered functions on AWS need it."),
    "tokens.ok": (OK, "tokens can be counted here", ""),
    "tokens.missing": (WARNING, "tokens cannot be counted here", "Install tiktoken, or restore proxy/data."),
    "timeout.ok": (OK, "time-outs are consistent", ""),
    "timeout.short": (
        WARNING, "TIMEOUT_SECONDS is {seconds:g}", "Models may think for longer. Keep the default of 600."),
    "timeout.first": (
        WARNING, "FIRST_BYTE_SECONDS ({first:g}) is longer than TIMEOUT_SECONDS ({seconds:g})",
        "Lower FIRST_BYTE_SECONDS."),
    "timeout.pings": (
        WARNING, "keep-alive comments in a silent stream are sent only after {seconds:g} s",
        "Many gateways hang up after 30 s of silence. Set KEEPALIVE_FIRST_SECONDS and KEEPALIVE_SECONDS below 30."),
    "timeout.no_pings": (
        WARNING, "KEEPALIVE_SECONDS or KEEPALIVE_FIRST_SECONDS is 0: silent streams are not kept alive",
        "Remove the setting unless an app cannot handle comments in streams."),
    "manifest.ok": (OK, "{file}: time-out {seconds} s", ""),
    "manifest.short": (
        FAILED, "{file}: time-out {seconds} s", "No model answers that quickly. Set it to 300."),
    "region.unserved": (
        WARNING, "region {region}: OpenAI does not serve it and may block accounts that call from there",
        "If the upstream is OpenAI, deploy in Singapore, Tokyo or Silicon Valley. Other providers are fine."),
    "region.ok": (OK, "region {region}", ""),
    "bundle.none": (SKIPPED, "no bundle in {folder}", ""),
    "bundle.ok": (OK, "bundle {name}: {size:.1f} MB unpacked", ""),
    "bundle.broken": (FAILED, "bundle {name} is unreadable or incomplete",
                      "Rebuild it: python -m proxy bundle {name}"),
    "bundle.large": (FAILED, "bundle {name}: {size:.1f} MB; the platform accepts {limit:.0f} MB",
                     "Rebuild it, if necessary with --no-tokens."),
    "bundle.bits": (FAILED, "bundle {name}: {file} is not executable, so the platform cannot start it",
                    "Rebuild it: python -m proxy bundle {name}. On Windows, upload the zip and not the folder."),
    "bundle.lines": (FAILED, "bundle {name}: {file} has Windows line endings, so the platform cannot start it",
                     "Rebuild it: python -m proxy bundle {name}"),
    "bundle.stale": (WARNING, "bundle {name} is older than {file}", "Rebuild it: python -m proxy bundle {name}"),
    # The network.
    "url.ok": (OK, "base URL {base}", ""),
    "url.plain": (WARNING, "{base} is not encrypted: keys can be read in transit", "Use an https:// address."),
    "dns.ok": (OK, "DNS: {host} resolved in {ms} ms", ""),
    "dns.upstream": (FAILED, "DNS: cannot resolve {host}",
                     "Check the upstream's base URL (such as OPENAI_BASE_URL), and this machine's network."),
    "dns.failed": (
        FAILED, "DNS: cannot resolve {host}", "Check the spelling. A new address takes a few minutes to work."),
    "tcp.ok": (OK, "TCP: connected to port {port} in {ms} ms", ""),
    "tcp.upstream": (FAILED, "TCP: no connection to {host} port {port}: {why}",
                     "Check the upstream's base URL (such as OPENAI_BASE_URL), and this machine's network."),
    "tcp.failed": (FAILED, "TCP: no connection to {host} port {port}: {why}",
                   "Check the port, the function's public access, and your own network."),
    "tls.ok": (OK, "TLS: {version}, certificate valid for {days} more days", ""),
    "tls.soon": (WARNING, "TLS: the certificate expires in {days} days", "Renew it now."),
    "tls.expired": (FAILED, "TLS: the certificate has expired or is not valid yet",
                    "Renew it, and check this machine's clock. Every app refuses such a certificate."),
    "tls.name": (FAILED, "TLS: the certificate does not cover {host}", "Install a certificate for this name."),
    "tls.untrusted": (FAILED, "TLS: the certificate is not trusted: {why}",
                      "Serve the complete chain of a public authority, or set SSL_CERT_FILE to your own authority."),
    "tls.failed": (FAILED, "TLS: handshake with {host} failed: {why}", "Check that this port serves https."),
    "way.proxied": (
        SKIPPED, "calls go through the outbound proxy {proxy} ({variable}), which handles DNS, TCP and TLS", ""),
    "proxy.unusable": (FAILED, "{variable} is {proxy}, which is not an HTTP proxy",
                       "Run `unset {variable}`, or set HTTPS_PROXY=http://… (with Clash, the same port)."),
    "proxy.upstream": (
        FAILED, "{variable} is {proxy}, which is not an HTTP proxy, so every call fails",
        "Run `unset {variable}`, set UPSTREAM_ENGINE=direct, or set HTTPS_PROXY=http://… (with Clash, the same port)."),
    "proxy.dead": (FAILED, "cannot reach the outbound proxy {proxy} ({variable}): {why}",
                   "Start it, or run `unset {variable}`."),
    "proxy.dead_upstream": (FAILED, "cannot reach the outbound proxy {proxy} ({variable}): {why}",
                            "Start it, run `unset {variable}`, or set UPSTREAM_ENGINE=direct to bypass it."),
    # The endpoint.
    "platform.ok": (OK, "Sluice {version} on {platform}, streaming", ""),
    "platform.buffered": (OK, "Sluice {version} on {platform}, buffered (no streaming)", ""),
    "platform.base": (WARNING, "the address has an extra path: Sluice is at {better}", "Use {better}."),
    "platform.other": (
        WARNING, "this is not a Sluice endpoint ({what})", "Fine if you meant to check another service. " + COPY_AGAIN),
    "platform.failed": (FAILED, "no usable response: {what}", "Check the function's log. " + COPY_AGAIN),
    "platform.fc": (FAILED, "Aliyun Function Compute cannot start the function: {what}",
                    ("Set the runtime to custom.debian11, the startup command to /bin/bash /code/aliyun_bootstrap, "
                     "and the port to 9000 (docs/deploy-aliyun.md), and check the function's log.")),
    "page.download": (WARNING, "browsers download every answer instead of showing it",
                      ("The platform's default domain asks them to. Apps are not affected. To open the page at /, bind "
                       "a domain of your own.")),
    "platform.stopped": (FAILED, "the function cannot start: {message}", "Correct the setting and deploy again."),
    "ready.timeout": (FAILED, "the platform stops the function after {seconds} s", "Set its time-out to 300 s."),
    "ready.region": (FAILED, "the endpoint warns: {message}", "Deploy in another region, or use another provider."),
    "ready.warning": (WARNING, "the endpoint warns: {message}", ""),
    "start.ok": (OK, "first response after {first} ms, second after {later} ms", ""),
    "start.cold": (WARNING, "first response after {first} ms, second after {later} ms: a cold start",
                   "This is normal after a pause. More memory shortens it."),
    "clock.ok": (OK, "server clock offset from yours: {seconds:+d} s", ""),
    "clock.skewed": (WARNING, "server clock offset from yours: {seconds:+d} s",
                     "Correct whichever is wrong: expiring keys and certificates depend on both."),
    "clock.unknown": (SKIPPED, "no Date header, so clocks cannot be compared", ""),
    "reuse.ok": (OK, "connections are reused", ""),
    "reuse.none": (WARNING, "each call opens a new connection",
                   "This slows down every answer. Look for a proxy, or for `Connection: close`."),
    # Access.
    "access.guarded": (OK, "calls without a key or with a wrong one are refused", ""),
    "access.demo": (OK, "open to everyone, but only the built-in demo answers, which costs nothing", ""),
    "access.anonymous": (WARNING, "open on purpose (ALLOW_ANONYMOUS): anyone who finds it can spend your money",
                         "Set PROXY_KEY and remove ALLOW_ANONYMOUS."),
    "access.open": (FAILED, "no key is needed: anyone who finds it can spend your money",
                    "Set PROXY_KEY to the output of `openssl rand -hex 16`, and give that key to callers."),
    "access.any_key": (FAILED, "any key gets in, even an invented one",
                       "Set PROXY_KEY to the output of `openssl rand -hex 16`."),
    "access.closed": (FAILED, "it holds a key, but nothing says who may call, so it refuses everyone",
                      "Set PROXY_KEY to the output of `openssl rand -hex 16`, and give that key to callers."),
    "access.unknown": (WARNING, "without a key it answers {status}", "Calls without a key should get 401."),
    "access.proxy-key": (OK, "callers send a key of this endpoint: the proxy key or a signed key", ""),
    "access.own-key": (OK, "pass-through: callers send their own provider key", ""),
    "access.own-key-and-proxy-key": (OK, "callers send <their provider key>:<proxy key>", ""),
    "key.none": (SKIPPED, "no key given, so no model is called", KEY_HINT),
    "key.withheld": (SKIPPED, "the key in {source} is not sent, because this address is not encrypted",
                     "Use an https:// address."),
    "key.source": (OK, "key from {source}", ""),
    "key.refused": (FAILED, "the key is refused: {message}", "Use the key from the endpoint's owner. " + KEY_HINT),
    # Calls.
    "models.ok": (OK, "/v1/models: {count} models in {ms} ms", ""),
    "models.failed": (FAILED, "/v1/models: {what}", "Check OPENAI_BASE_URL, and the key with the provider."),
    "models.limited": (FAILED, "/v1/models: {what}", "Wait, then check the rate limits and the balance of that key."),
    "models.empty": (WARNING, "the list has no model that this key may use",
                     "Name one with --model, or inspect the key: python -m proxy keys inspect -"),
    "models.none": (WARNING, "/v1/models: 404; some providers do not list models", "Name a model with --model."),
    "models.ending": (WARNING, "the list has models that end within 90 days or have ended ({count}): {list}",
                      "Name others in your apps and settings: the provider shuts these down on that day."),
    "models.region": (FAILED, "the provider refuses calls from this region",
                      "Deploy in Singapore, Tokyo or Silicon Valley, or use another provider."),
    # Other APIs.
    "apis.own_key": (SKIPPED, "which APIs it serves is not probed: your own key might reach another provider",
                     "docs/agents.md has the lines for coding agents."),
    "chat_api.served": (OK, "chat completions: served",
                        "opencode: baseURL {base}/v1 with @ai-sdk/openai-compatible (docs/agents.md)"),
    "chat_api.none": (SKIPPED, "chat completions: not served, so no model is called", ""),
    "chat_api.unknown": (SKIPPED, "chat completions: {what}", ""),
    "responses_api.served": (
        OK, "Responses API: served",
        ("Codex: SLUICE_KEY=YOUR-KEY codex -c model_provider=sluice -c 'model_providers.sluice={{name=\"Sluice\","
         "base_url=\"{base}/v1\",env_key=\"SLUICE_KEY\",wire_api=\"responses\"}}' -m YOUR-MODEL")),
    "responses_api.none": (SKIPPED, "Responses API: not served, so Codex does not work here",
                           ("If your provider only serves chat completions, write responses = false for it in "
                            "sluice.toml, and Sluice translates (docs/upstreams.md).")),
    "responses_api.unknown": (SKIPPED, "Responses API: {what}", ""),
    "messages_api.served": (OK, "Anthropic's Messages API: served",
                            "Claude Code: ANTHROPIC_BASE_URL={base} ANTHROPIC_AUTH_TOKEN=YOUR-KEY claude"),
    "messages_api.none": (SKIPPED, "Anthropic's Messages API: not served, so Claude Code does not work here",
                          ("Set ANTHROPIC_API_KEY. Or, if your provider only serves chat completions, write messages = "
                           "false for it in sluice.toml, and Sluice translates (docs/upstreams.md).")),
    "messages_api.unknown": (SKIPPED, "Anthropic's Messages API: {what}", ""),
    "gemini_api.served": (
        OK, "Google's Gemini API: served",
        "Gemini CLI (choose Use Gemini API Key): GOOGLE_GEMINI_BASE_URL={base} GEMINI_API_KEY=YOUR-KEY gemini"),
    "gemini_api.none": (SKIPPED, "Google's Gemini API: not served, so Gemini CLI does not work here",
                        "Set GEMINI_API_KEY."),
    "gemini_api.unknown": (SKIPPED, "Google's Gemini API: {what}", ""),
    "upstream.ok": (OK, "upstream {name} answered {status} in {ms} ms", ""),
    "upstream.reached": (OK, "upstream {name} is reachable (it requires a key: {what})", ""),
    "upstream.no_list": (OK, "upstream {name} is reachable (it does not list models)", ""),
    "upstream.key": (FAILED, "upstream {name} refuses the server's key: {what}",
                     "Set {setting} on the server to a valid key."),
    "upstream.own_key": (FAILED, "upstream {name} refuses your own provider key: {what}",
                         "Send a valid key of that provider. The endpoint itself let the call pass."),
    "upstream.base": (FAILED, "upstream {name} answers 404 to every call: its base URL is wrong",
                      "Set {setting} on the server to {better}."),
    "upstream.failed": (FAILED, "upstream {name}: {what}", "Check its address and its key."),
    "upstream.demo": (OK, "upstream: the built-in demo", ""),
    "chat.ok": (OK, "buffered answer after {ms} ms (model {model})", ""),
    "chat.failed": (FAILED, "buffered answer ({model}): {what}", "Check the model's name (--model) and the key."),
    "chat.truncated": (WARNING, "the answer was cut off: {why}", "Raise the function's time-out, or stream."),
    "stream.ok": (
        OK,
        "streaming works: {events} events, the first after {first} ms, median gap {median} ms, longest {longest} ms",
        ""),
    "stream.few": (WARNING, "only {events} events: too few to tell whether they stream", "Try another --model."),
    "stream.at_once": (FAILED, "not streaming: all {events} events arrived together after {first} ms",
                       "A proxy in between buffers responses. Turn that off (nginx: proxy_buffering off)."),
    "stream.lumps": (FAILED, "uneven streaming: {events} events arrived in only {lumps} batches",
                     "A proxy in between buffers responses. Turn that off (nginx: proxy_buffering off)."),
    "stream.by_design": (WARNING, "this platform cannot stream: the whole answer arrives after {first} ms",
                         "Deploy the web function (Tencent) or the streaming function (AWS) instead."),
    "stream.failed": (FAILED, "streamed answer ({model}): {what}", "Try the same model without streaming."),
    "stream.no_end": (FAILED, "the stream ended without [DONE] after {events} events",
                      "It was cut off. Check the function's time-out, and any proxy in between."),
    "utf8.ok": (OK, "Chinese text survives the round trip", ""),
    "utf8.split": (WARNING, "the stream splits {count} characters between two writes",
                   "Some apps show � there. Remove whatever re-chunks the stream on its way."),
    "utf8.broken": (FAILED, "Chinese text comes back garbled", "Something in between changes the encoding."),
    "utf8.unknown": (SKIPPED, "the answer contains no Chinese, so its encoding was not checked", ""),
    "cors.ok": (OK, "web pages can call it (CORS)", ""),
    "cors.none": (WARNING, "web pages cannot call it (CORS): {what}",
                  ("Only apps that run in a browser need this. See ALLOW_ORIGINS. On Aliyun, allow the method OPTIONS "
                   "in the HTTP trigger.")),
    "cors.doubled": (FAILED, "CORS headers are sent twice, which browsers refuse",
                     "Turn off CORS in the platform's console: Sluice sends these headers itself."),
    "paths.ok": (OK, "every spelling of the base URL works: {list}", ""),
    "paths.some": (WARNING, "these spellings of the base URL do not work: {list}", "Paste {base} into apps."),
    "size.below": (OK, "a body of {size} bytes is accepted", ""),
    "size.above": (OK, "a body of {size} bytes is refused with {status}", ""),
    "size.refused": (FAILED, "a body of {size} bytes, below the documented limit, is refused: {what}",
                     "Check MAX_BODY_MB, and any proxy in between for a smaller limit."),
    "size.passed": (WARNING, "a body of {size} bytes, above the documented limit, is accepted", ""),
    "size.lost": (WARNING, "a body of {size} bytes: {what}", "The platform closes the connection without an error."),
    "size.unknown": (SKIPPED, "sizes: no documented limit to test on {platform}", ""),
    **platform_messages.ENGLISH,
    "status.ok": (OK, "status.openai.com: {message}", ""),
    "status.trouble": (WARNING, "status.openai.com: {message}", "Some of these problems may go away by themselves."),
    "status.unknown": (SKIPPED, "status.openai.com cannot be reached from here", ""),
    "status.other": (SKIPPED, "the upstream does not identify as OpenAI, so OpenAI's status page is not checked", ""),
}  # fmt: skip
