// The conversation: its turns, sending, stopping, and how an answer is shown and announced.
let turns = [];
let running = null;

// How often a growing answer is shown, in milliseconds, and how much of it a screen reader is given at its end.
const RENDER_INTERVAL = 100;
const ANNOUNCED = 1000;

function bubble(kind, who, name) {
  const text = element("div", { class: "text" });
  const node = element("div", { class: `message ${kind}` }, element("div", { class: "who", "data-text": name || null }, who), text);
  byId("log").append(node);
  return { node, text };
}

// Changes the log without scrolling away from a reader who has scrolled back.
function atEnd(change) {
  const log = byId("log");
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function showFailure(problem) {
  const { node, text } = bubble("failed", t(problem.name || "failed"), problem.name || "failed");
  node.setAttribute("role", "alert");
  const said = element("p");
  showProblem(said, problem);
  const details = [problem.code || problem.type, problem.id && `${t("requestId")} ${problem.id}`, problem.retryAfter && `retry-after ${problem.retryAfter} s`];
  text.append(said, element("p", { class: "small muted" }, details.filter(Boolean).join(" · ")));
  node.scrollIntoView({ block: "nearest" });
}

async function send() {
  const prompt = byId("message").value.trim();
  if (running || !prompt) return;
  byId("message").value = "";
  bubble("user", t("you"), "you").text.textContent = prompt;
  turns.push({ role: "user", content: prompt });
  const api = byId("api").value;
  const [model, system] = [byId("model").value.trim(), byId("system").value.trim()];
  const request = PROTOCOLS[api].ask(model, system, turns, byId("streamed").checked);
  const chat = PROTOCOLS[CHAT].ask(model, system, turns, false);
  running = new AbortController();
  setBusy(true);
  announce(t("waiting"));
  const answer = bubble("assistant wait", model);
  answer.node.setAttribute("aria-busy", "true");
  const view = answerView(answer.text);
  let scheduled = false;
  const call = await streamAnswer(api, request, running.signal, (soFar) => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => {
      scheduled = false;
      if (running && !soFar.ended) atEnd(() => view.grow(soFar));
    }, RENDER_INTERVAL);
  });
  running = null;
  answer.node.classList.remove("wait");
  answer.node.removeAttribute("aria-busy");
  atEnd(() => view.end(call));
  finish(answer, call);
  setBusy(false);
  report(call, chat);
}

// Keeps what has come, and says what is missing and why.
function finish(answer, call) {
  // Some providers refuse a turn without text.
  if (call.text) turns.push({ role: "assistant", content: call.text });
  else {
    const unsent = turns.pop().content;
    if (!call.reasoning) {
      answer.node.remove();
      // Without an answer, put the message back so that it can be sent again.
      if (!byId("message").value) byId("message").value = unsent;
    }
  }
  if (call.ended === "stopped") answer.text.append(element("p", { class: "muted small", "data-text": "stopped" }, t("stopped")));
  const problem = problemIn(call);
  if (problem) showFailure(problem);
  announce(call.text ? `${t(problem || call.ended === "stopped" ? "answeredInPart" : "answered")} ${call.text.slice(0, ANNOUNCED)}` : "");
}

// What is wrong with an answer, also with one that has ended as its API has it.
function problemIn(call) {
  const more = { status: null, id: call.id, name: call.text ? "incomplete" : "failed" };
  if (call.error) return { ...more, ...call.error };
  if (call.ended === "cut") return { ...more, text: "cutShort", detail: call.cutBy };
  // The reason of the endpoint itself says more than the API's.
  if (call.truncated) return { ...more, text: "tooLong", detail: () => t("truncated")[call.truncated] || call.truncated, code: call.truncated };
  if (call.ended === "length") return { ...more, text: "tooLong", detail: () => t("endings").length };
  if (call.ended === "content_filter") return { ...more, text: "filtered", code: "content_filter" };
  return call.text || ["stopped", "tool_calls"].includes(call.ended) ? null : { ...more, text: "empty" };
}

function setBusy(busy) {
  const [focused, own] = [document.activeElement, [document.body, byId("send"), byId("stop"), byId("message")]];
  byId("send").hidden = busy;
  byId("stop").hidden = !busy;
  byId("clear").disabled = busy;
  // Do not take the focus from another field.
  if (busy && focused === byId("send")) byId("stop").focus();
  if (!busy && own.includes(focused)) byId("message").focus();
}

function startChat() {
  byId("send").addEventListener("click", send);
  byId("stop").addEventListener("click", () => running?.abort());
  byId("clear").addEventListener("click", () => {
    turns = [];
    reported = null;
    byId("log").replaceChildren();
    renderReport();
    byId("message").focus();
  });
  byId("message").addEventListener("keydown", (event) => {
    // Enter also confirms a word in an input method. Safari reports that as 229, after the composition has ended.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) running?.abort();
  });
}
