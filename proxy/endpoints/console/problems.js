// What went wrong, as data, so that it can be shown again in the other language: `text` names a text of this page,
// `message` is the server's own. What to do about it comes from FIXES.

// How a message of Sluice ends: with the place that explains it, which this page shows as a link.
const HELP = / See \/help#(\w+) on this endpoint\.$/;

// An error object of any API. Some gateways put an object where the message belongs.
function problemOf(error) {
  const { message, code, type } = error;
  const text = isText(message) || !message ? message : isText(message.message) ? message.message : JSON.stringify(message);
  const [, help] = HELP.exec(text) || [];
  return { message: (text || JSON.stringify(error)).replace(HELP, ""), help: help || null, code: code || null, type: type || null };
}

// An error response with its status and request id.
async function readProblem(response) {
  const text = await response.text();
  let error = null;
  try {
    const value = JSON.parse(text);
    error = value.error || (value.message ? value : null);
  } catch { /* not JSON */ }
  if (isText(error)) error = { message: error };
  return {
    ...(error ? problemOf(error) : { message: text.slice(0, 300) || response.statusText, code: null, type: null }),
    status: response.status,
    id: response.headers.get("x-sluice-request-id") || response.headers.get("x-request-id"),
    retryAfter: response.headers.get("retry-after"),
  };
}

// The same for a call without a response, or with one that is not JSON.
function describeFailure(error) {
  const known = { BadKey: "badKey", SyntaxError: "noJson" }[error.name];
  return { text: known || "unreachable", detail: known ? "" : String(error.message || error), code: null, type: null, status: null, id: null };
}

function messageOf({ text, detail, message }) {
  return text ? [t(text), typeof detail === "function" ? detail() : detail].filter(Boolean).join(" ") : message;
}

// The first of these that FIXES knows decides: the code says more than the type, and that more than the status.
function fixOf({ text, code, type, status }) {
  for (const name of [code, text, type, status, status && `${String(status)[0]}xx`].filter(Boolean)) {
    const fix = FIXES.find(({ of }) => of.split(" ").includes(String(name)));
    if (fix) return fix;
  }
  return null;
}

function fixNode(problem) {
  const fix = fixOf(problem);
  if (!fix) return "";
  const advice = typeof fix[language] === "function" ? fix[language](problem) : fix[language];
  return element("span", { class: "fix" }, element("b", {}, t("fix")), advice, ...helpLink(problem));
}

function helpLink({ help }) {
  if (!help) return [];
  return [" ", element("a", { class: "see", href: `${ENDPOINT.base}/help?lang=${language}#${help}`, target: "_blank" }, t("see"))];
}

const problems = new WeakMap();

// Shows a problem in an element, or with null nothing.
function showProblem(node, problem) {
  if (problem) problems.set(node, problem);
  node.toggleAttribute("data-problem", Boolean(problem));
  node.replaceChildren(...(problem ? [element("b", {}, messageOf(problem)), problem.status ? ` (${problem.status})` : "", fixNode(problem)] : []));
}
renderers.push(() => {
  for (const node of document.querySelectorAll("[data-problem]")) showProblem(node, problems.get(node));
});
