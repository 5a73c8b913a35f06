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
async function callApi(path, { body, signal, given, headers: more } = {}) {
  const headers = { Accept: "*/*", ...more };
  const key = given || byId("key").value.trim();
  // The browser would refuse such a header with an error that does not mention the key.
  if (!/^[\x21-\x7e]*$/.test(key)) throw Object.assign(new Error(), { name: "BadKey" });
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  return fetch(ENDPOINT.api + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal, cache: "no-store" });
}

// Asks this endpoint for the tokens and the price of a chat; `result` is null, with the `problem`, if it cannot tell.
async function estimate(chat) {
  const { stream, stream_options, ...countable } = chat;
  try {
    const response = await callApi("chat/completions/input_tokens", { body: countable });
    if (response.ok) return { result: await response.json() };
    return { result: null, problem: { ...(await readProblem(response)), ...(response.status === 501 ? { text: "notInstalled" } : {}) } };
  } catch (error) {
    return { result: null, problem: describeFailure(error) };
  }
}
