// What to do about a problem: `of` has the texts of this page, the codes, the types and the statuses that it is for.
// `see` is a place in the documents that says more.
const FIXES = [
  { of: "missing_api_key invalid_api_key revoked_key expired_key authentication_error 401", see: "configuration.md#who-pays-and-who-may-call",
    en: () => keyFix("Check the key.", " ", "If it is right, the provider refuses the server's own key: tell the owner.", "The provider refuses the server's own key: tell the owner."),
    zh: () => keyFix("检查密钥。", "", "如果密钥没错，就是厂商拒绝了服务器自己的密钥，请联系管理员。", "厂商拒绝了服务器自己的密钥，请联系管理员。") },
  { of: "badKey", en: "Copy the key again, with nothing before or after it.", zh: "重新复制密钥，前后不要带其他字符。" },
  { of: "proxy_not_protected", see: "configuration.md#proxy_key", en: "The owner sets PROXY_KEY, or ALLOW_ANONYMOUS=1 to let everyone in.", zh: "请管理员设置 PROXY_KEY；要对所有人开放，则设置 ALLOW_ANONYMOUS=1。" },
  { of: "unsupported_country_region_territory", en: "The provider does not serve this function's region. The owner deploys it in another region or chooses another provider.", zh: "厂商不向这个函数所在的地域提供服务。请管理员换一个地域部署，或换一家厂商。" },
  { of: "model_not_found model_not_allowed noModels", see: "upstreams.md#where-a-call-goes", en: "Choose a model with “List models”, or enter another name.", zh: "点「列出模型」选择一个模型，或填写其他名称。" },
  { of: "api_not_served", see: "upstreams.md#apis", en: "Choose another API above, or ask the owner for an upstream that has this one.", zh: "在上面换一种 API，或请管理员添加支持它的上游。" },
  { of: "insufficient_quota billing_error 402", see: "budgets.md#refusals", en: "The budget or the provider's credit is used up. Wait until the budget starts again, or ask the owner.", zh: "预算或厂商账户的余额已用完。等预算重置，或联系管理员。" },
  { of: "rate_limit_exceeded rate_limit_error 429",
    en: ({ retryAfter }) => `Wait ${retryAfter ? `${retryAfter} s` : "a minute"}, then send the message again.`,
    zh: ({ retryAfter }) => `等待 ${retryAfter ? `${retryAfter} 秒` : "一分钟"}后重新发送。` },
  { of: "cost_limit_exceeded", see: "configuration.md#max_cost_usd", en: "Start a new conversation or choose a cheaper model. The owner can raise MAX_COST_USD.", zh: "开始新对话，或换一个更便宜的模型。管理员可以调高 MAX_COST_USD。" },
  { of: "context_length_exceeded request_too_large body_too_large request_too_complex 413", en: "Start a new conversation, or shorten the message.", zh: "开始新对话，或缩短消息。" },
  { of: "content_filter", see: "moderation.md#what-the-client-sees", en: "Rephrase the message.", zh: "换一种说法。" },
  { of: "path_not_allowed reference_not_allowed permission_error 403", see: "security.md#what-a-server-held-credential-opens", en: "Ask the owner what this key may use.", zh: "请向管理员确认这个密钥能用什么。" },
  { of: "deadline upstream_timeout timeout_error 504", see: "limits.md#what-sluice-does-before-a-limit-is-reached", en: "Tick “Stream”, ask for a shorter answer, or have the function's time-out raised.", zh: "勾选「流式输出」，让回答短一些，或请管理员调高函数的超时时间。" },
  { of: "response_too_large response_limit", see: "limits.md#what-sluice-does-before-a-limit-is-reached", en: "Tick “Stream”, or ask for a shorter answer.", zh: "勾选「流式输出」，或让回答短一些。" },
  { of: "tooLong", en: "Ask the model to go on.", zh: "让模型继续即可。" },
  { of: "upstream_not_streaming", en: "Untick “Stream” and send the message again.", zh: "取消勾选「流式输出」后重新发送。" },
  { of: "upstream_unreachable upstream_redirected upstream_malformed upstream_not_readable", see: "configuration.md#openai_base_url", en: "Send it again. If that does not help, the owner checks OPENAI_BASE_URL and the function's network.", zh: "重新发送。如果仍然失败，请管理员检查 OPENAI_BASE_URL 和函数的网络。" },
  { of: "store_unavailable", see: "budgets.md#when-the-store-is-not-there", en: "Try again in a moment. If that does not help, the owner finds the reason in the log.", zh: "稍后再试。如果仍然失败，管理员可以在日志里找到原因。" },
  { of: "tokens_not_installed notInstalled", see: "tokens.md#before-a-call", en: "The owner can rebuild the bundle without --no-tokens.", zh: "管理员可以去掉 --no-tokens 重新打包。" },
  { of: "cutShort upstream upstream_disconnected", see: "limits.md#what-sluice-does-before-a-limit-is-reached", en: "Send it again. If it always breaks after the same time, a time limit cuts it: see “Limits”.", zh: "重新发送。如果每次都在同样的时间断开，说明受到时间限制：见「限制」。" },
  { of: "unreachable", en: "Check your network and whether the function runs, then try again.", zh: "检查网络，确认函数在运行，然后重试。" },
  { of: "noJson", en: "Open this page's address without a VPN, login page or gateway in between.", zh: "不要经过 VPN、登录页或其他网关，直接打开本页地址。" },
  { of: "empty", en: "Send it again, or choose another model.", zh: "重新发送，或换一个模型。" },
  { of: "5xx", en: "Send it again in a moment. If that does not help, give the owner the request id: it is in the log.", zh: "稍后重新发送。如果仍然失败，请把请求 ID 告诉管理员，日志里有记录。" },
  { of: "404", see: "upstreams.md#apis", en: "Check the model's name, or choose another API.", zh: "检查模型名称，或换一种 API。" },
  { of: "4xx", en: "Change what the message names. Another API or model may accept it.", zh: "按提示修改。换一种 API 或模型也可能解决。" },
];

// Whose key is wrong depends on who may call.
function keyFix(check, space, other, held) {
  if (DATA.access === "open") return held;
  return [check, t("access")[DATA.access], ...(DATA.access.startsWith("own-key") ? [] : [other])].join(space);
}
