// The conversation: its turns, sending, stopping, and the key.
let turns = [];
let running = null;

function bubble(kind, who, name) {
  const text = element("div", { class: "text" });
  const node = element("div", { class: `message ${kind}` }, element("div", { class: "who", "data-text": name || null }, who), text);
  byId("log").append(node);
  return { node, text };
}

// While a long answer streams, it is shown as plain text: parsing it again for every piece would be slow.
const LONG = 50000;
const RENDER_INTERVAL = 100;

function show(target, call) {
  const log = byId("log");
  // Do not scroll away from a reader who has scrolled back.
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const parts = [];
  if (call.reasoning) parts.push(element("details", call.text ? {} : { open: "" }, element("summary", { "data-text": "reasoning" }, t("reasoning")), element("div", { class: "reasoning" }, call.reasoning)));
  parts.push(call.ended || call.text.length < LONG ? markdown(call.text) : element("pre", {}, call.text));
  target.text.replaceChildren(...parts);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function showFailure(error) {
  const target = bubble("failed", t("failed"), "failed");
  target.node.setAttribute("role", "alert");
  target.text.append(element("p", {}, element("b", {}, error.message)));
  const details = [error.code, error.status && `${t("status")} ${error.status}`, error.id && `${t("requestId")} ${error.id}`, error.retryAfter && `retry-after ${error.retryAfter} s`];
  target.text.append(element("p", { class: "small muted" }, details.filter(Boolean).join(" · ")));
  target.node.scrollIntoView({ block: "nearest" });
}

async function send() {
  const prompt = byId("message").value.trim();
  if (running || !prompt) return;
  byId("message").value = "";
  const question = bubble("user", t("you"), "you");
  question.text.textContent = prompt;
  turns.push({ role: "user", content: prompt });
  const system = byId("system").value.trim();
  const messages = system ? [{ role: "system", content: system }, ...turns] : [...turns];
  const request = { model: byId("model").value.trim(), messages };
  if (byId("streamed").checked) Object.assign(request, { stream: true, stream_options: { include_usage: true } });
  running = new AbortController();
  setBusy(true);
  const answer = bubble("assistant wait", request.model);
  let scheduled = false;
  const call = await streamChat(request, running.signal, (soFar) => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => {
      scheduled = false;
      if (running && !soFar.ended) show(answer, soFar);
    }, RENDER_INTERVAL);
  });
  running = null;
  setBusy(false);
  answer.node.classList.remove("wait");
  finish(answer, call);
  report(call);
}

function finish(answer, call) {
  if (call.text || call.reasoning) {
    show(answer, call);
    // Some providers refuse a turn without text.
    if (call.text) turns.push({ role: "assistant", content: call.text });
  }
  if (!call.text && !call.reasoning) {
    answer.node.remove();
    // Without an answer, put the message back so that it can be sent again.
    const unsent = turns.pop().content;
    if (!byId("message").value) byId("message").value = unsent;
  } else if (!call.text) {
    turns.pop();
  }
  if (call.ended === "stopped") answer.text.append(element("p", { class: "muted small", "data-text": "stopped" }, t("stopped")));
  if (call.error) showFailure(call.error);
  else if (!call.text && call.ended !== "stopped" && call.ended !== "cut" && call.ended !== "tool_calls") showFailure({ message: t("empty"), code: null, status: call.status, id: call.id });
  else if (call.ended === "cut") showFailure({ message: t("cutShort"), code: null, status: call.status, id: call.id });
}

function setBusy(busy) {
  const focused = [document.body, byId("send"), byId("stop"), byId("message")].includes(document.activeElement);
  byId("send").hidden = busy;
  byId("stop").hidden = !busy;
  byId("clear").disabled = busy;
  // Do not take the focus from another field.
  if (!busy && focused) byId("message").focus();
}

// How many models were listed; kept to show it in either language.
let modelCount = null;

function renderModelCount() {
  if (modelCount !== null) byId("models-status").textContent = modelCount ? t("models")(modelCount) : t("noModels");
}

async function listModels() {
  modelCount = null;
  const status = byId("models-status");
  try {
    const response = await callApi("models");
    if (!response.ok) {
      const error = await readError(response);
      status.textContent = `${error.message} (${error.status})`;
      return;
    }
    const names = ((await response.json()).data || []).map((model) => String(model.id)).sort();
    byId("models").replaceChildren(...names.map((name) => element("option", { value: name })));
    modelCount = names.length;
    renderModelCount();
    if (names.length && !names.includes(byId("model").value)) byId("model").value = names.find((name) => name.includes("mini")) || names[0];
  } catch (error) {
    status.textContent = describeFailure(error).message;
  }
}

// The key stays in this tab, and on the device only if the reader asked for it.
function keepKey() {
  const remember = byId("remember").checked;
  storage.set("sluice-key", remember ? byId("key").value : "");
  storage.set("sluice-key", byId("key").value, () => sessionStorage);
}

function startChat() {
  const saved = storage.get("sluice-key");
  byId("remember").checked = Boolean(saved);
  byId("key").value = storage.get("sluice-key", () => sessionStorage) || saved || "";
  byId("key").addEventListener("input", keepKey);
  byId("remember").addEventListener("change", keepKey);
  byId("model").value = DATA.model;
  byId("send").addEventListener("click", send);
  byId("stop").addEventListener("click", () => running?.abort());
  byId("list-models").addEventListener("click", listModels);
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
}
renderers.push(() => {
  renderModelCount();
  byId("key").placeholder = DATA.access === "open" ? t("keyNone") : "";
});
