// The endpoint's address, and calls to it. A gateway may add a stage before the path (/release/), which only the
// browser's own address shows reliably. Any other path is ignored: a link from a stranger must not be able to put
// anything into a command that people copy.
const ENDPOINT = (() => {
  const [, stage] = /^\/*(?:(?!v1\/*$)([A-Za-z0-9_-]+))?(?:\/+v1)?\/*$/i.exec(location.pathname) || [null, DATA.stage];
  // The path /v1 alone has no stage.
  const word = stage && stage.toLowerCase() !== "v1" ? `/${stage}` : "";
  return { base: location.origin + word, api: `${word}/v1/` };
})();

// Calls a path with `given`, or else with the reader's key, if there is one.
async function callApi(path, { body, signal, given } = {}) {
  const headers = { Accept: "*/*" };
  const key = given || byId("key").value.trim();
  // The browser would refuse such a header with an error that does not mention the key.
  if (!/^[\x21-\x7e]*$/.test(key)) throw Object.assign(new Error(), { name: "BadKey" });
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  return fetch(ENDPOINT.api + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal, cache: "no-store" });
}

// An error's message as text. Some gateways send an object.
function errorMessage(error) {
  const { message } = error;
  if (!message || typeof message === "string") return message || "";
  return typeof message.message === "string" ? message.message : JSON.stringify(message);
}

// An error response as its message, code, status and request id.
async function readError(response) {
  const text = await response.text();
  let error = {};
  try { error = JSON.parse(text).error || {}; } catch { /* not JSON */ }
  if (typeof error === "string") error = { message: error };
  return {
    message: errorMessage(error) || text.slice(0, 300) || response.statusText,
    code: error.code || error.type || null,
    status: response.status,
    id: response.headers.get("x-sluice-request-id") || response.headers.get("x-request-id"),
    retryAfter: response.headers.get("retry-after"),
  };
}

// The same for a call without a response, or with one that is not JSON.
function describeFailure(error) {
  const known = { BadKey: "badKey", SyntaxError: "noJson" }[error.name];
  return { message: known ? t(known) : `${t("unreachable")} ${error.message || error}`, code: error.name || null, status: null, id: null };
}

// Asks this endpoint for a request's tokens and price; `result` is null, with the `reason`, if it cannot tell.
async function estimate(request) {
  const { stream, stream_options, ...countable } = request;
  try {
    const response = await callApi("chat/completions/input_tokens", { body: countable });
    if (response.ok) return { result: await response.json() };
    if (response.status === 501) return { result: null, reason: t("notInstalled"), notInstalled: true };
    return { result: null, reason: (await readError(response)).message };
  } catch (error) {
    return { result: null, reason: describeFailure(error).message };
  }
}
