// Where this endpoint is, and how it is asked. A gateway may have put a stage in front (/release/), which only the
// browser's own address is sure to show; a path that is more than one word and /v1 is not repeated, for a link that
// somebody else made must not put a part into a command to copy.
const PLACE = (() => {
  const [, stage] = /^\/*(?:(?!v1\/*$)([A-Za-z0-9_-]+))?(?:\/+v1)?\/*$/i.exec(location.pathname) || [null, DATA.stage];
  // A path of nothing but /v1 has no stage.
  const word = stage && stage.toLowerCase() !== "v1" ? `/${stage}` : "";
  return { base: location.origin + word, api: `${word}/v1/` };
})();

// What is called with the reader's key, which is sent only where it is there.
async function ask(path, { body, signal } = {}) {
  const headers = { Accept: "*/*" };
  const key = find("key").value.trim();
  // The browser would refuse such a header in words that name no key.
  if (!/^[\x21-\x7e]*$/.test(key)) throw Object.assign(new Error(), { name: "BadKey" });
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  return fetch(PLACE.api + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal, cache: "no-store" });
}

// An error's message as a text. Some gateways put an object there.
function sentence(error) {
  const { message } = error;
  if (!message || typeof message === "string") return message || "";
  return typeof message.message === "string" ? message.message : JSON.stringify(message);
}

// An answer that is an error, as its message, code, type, status and request id.
async function failure(response) {
  const text = await response.text();
  let error = {};
  try { error = JSON.parse(text).error || {}; } catch { /* it is no JSON */ }
  if (typeof error === "string") error = { message: error };
  return {
    message: sentence(error) || text.slice(0, 300) || response.statusText,
    code: error.code || error.type || null,
    status: response.status,
    id: response.headers.get("x-sluice-request-id") || response.headers.get("x-request-id"),
    again: response.headers.get("retry-after"),
  };
}

// The same for what never came to an answer, or to one that is none.
function broken(error) {
  const known = { BadKey: "badKey", SyntaxError: "noJson" }[error.name];
  return { message: known ? said(known) : `${said("unreachable")} ${error.message || error}`, code: error.name || null, status: null, id: null };
}

// What a request would cost, from this endpoint; null with `why` where it cannot say.
async function tally(request) {
  const { stream, stream_options, ...counted } = request;
  try {
    const response = await ask("chat/completions/input_tokens", { body: counted });
    if (response.ok) return { told: await response.json() };
    if (response.status === 501) return { told: null, why: said("notInstalled"), missing: true };
    return { told: null, why: (await failure(response)).message };
  } catch (error) {
    return { told: null, why: broken(error).message };
  }
}
