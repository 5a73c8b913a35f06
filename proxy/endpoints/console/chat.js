// The conversation: what was said so far, sending, stopping, and the key.
let turns = [];
let underway = null;

function bubble(kind, who, name) {
  const text = make("div", { class: "text" });
  const made = make("div", { class: `said ${kind}` }, make("div", { class: "who", "data-w": name || null }, who), text);
  find("log").append(made);
  return { made, text };
}

// A long answer is not read anew each time that a piece comes.
const LONG = 50000;
const PAUSE = 100;

function show(target, call) {
  const log = find("log");
  // Whoever scrolled back is reading there.
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const parts = [];
  if (call.thought) parts.push(make("details", call.text ? {} : { open: "" }, make("summary", { "data-w": "thought" }, said("thought")), make("div", { class: "thought" }, call.thought)));
  parts.push(call.ended || call.text.length < LONG ? markdown(call.text) : make("pre", {}, call.text));
  target.text.replaceChildren(...parts);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function showFailure(error) {
  const target = bubble("failed", said("failed"), "failed");
  target.made.setAttribute("role", "alert");
  target.text.append(make("p", {}, make("b", {}, error.message)));
  const more = [error.code, error.status && `${said("status")} ${error.status}`, error.id && `${said("requestId")} ${error.id}`, error.again && `retry-after ${error.again} s`];
  target.text.append(make("p", { class: "small muted" }, more.filter(Boolean).join(" · ")));
  target.made.scrollIntoView({ block: "nearest" });
}

async function send() {
  const words = find("message").value.trim();
  if (underway || !words) return;
  find("message").value = "";
  const asked = bubble("user", said("you"), "you");
  asked.text.textContent = words;
  turns.push({ role: "user", content: words });
  const system = find("system").value.trim();
  const messages = system ? [{ role: "system", content: system }, ...turns] : [...turns];
  const request = { model: find("model").value.trim(), messages };
  if (find("streamed").checked) Object.assign(request, { stream: true, stream_options: { include_usage: true } });
  underway = new AbortController();
  busy(true);
  const answer = bubble("assistant wait", request.model);
  let due = false;
  const call = await converse(request, underway.signal, (soFar) => {
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      if (underway && !soFar.ended) show(answer, soFar);
    }, PAUSE);
  });
  underway = null;
  busy(false);
  answer.made.classList.remove("wait");
  finish(answer, call);
  report(call);
}

function finish(answer, call) {
  if (call.text || call.thought) {
    show(answer, call);
    // A turn without words is refused by some providers.
    if (call.text) turns.push({ role: "assistant", content: call.text });
  }
  if (!call.text && !call.thought) {
    answer.made.remove();
    // What was not answered was not said: it goes back to where it can be sent again.
    const unsaid = turns.pop().content;
    if (!find("message").value) find("message").value = unsaid;
  } else if (!call.text) {
    turns.pop();
  }
  if (call.ended === "stopped") answer.text.append(make("p", { class: "muted small", "data-w": "stopped" }, said("stopped")));
  if (call.error) showFailure(call.error);
  else if (!call.text && call.ended !== "stopped" && call.ended !== "cut" && call.ended !== "tool_calls") showFailure({ message: said("empty"), code: null, status: call.status, id: call.id });
  else if (call.ended === "cut") showFailure({ message: said("cutShort"), code: null, status: call.status, id: call.id });
}

function busy(is) {
  const here = [document.body, find("send"), find("stop"), find("message")].includes(document.activeElement);
  find("send").hidden = is;
  find("stop").hidden = !is;
  find("clear").disabled = is;
  // Whoever types elsewhere stays there.
  if (!is && here) find("message").focus();
}

// How many models there were, to say it in either language.
let listed = null;

function drawListed() {
  if (listed !== null) find("models-said").textContent = listed ? said("models")(listed) : said("noModels");
}

async function listModels() {
  listed = null;
  const told = find("models-said");
  try {
    const response = await ask("models");
    if (!response.ok) {
      const error = await failure(response);
      told.textContent = `${error.message} (${error.status})`;
      return;
    }
    const names = ((await response.json()).data || []).map((one) => String(one.id)).sort();
    find("models").replaceChildren(...names.map((name) => make("option", { value: name })));
    listed = names.length;
    drawListed();
    if (names.length && !names.includes(find("model").value)) find("model").value = names.find((name) => name.includes("mini")) || names[0];
  } catch (error) {
    told.textContent = broken(error).message;
  }
}

// The key lives in this tab, and on the device only where that was asked for.
function keepKey() {
  const stays = find("remember").checked;
  remembered.set("sluice-key", stays ? find("key").value : "");
  remembered.set("sluice-key", find("key").value, () => sessionStorage);
}

function startChat() {
  const kept = remembered.get("sluice-key");
  find("remember").checked = Boolean(kept);
  find("key").value = remembered.get("sluice-key", () => sessionStorage) || kept || "";
  find("key").addEventListener("input", keepKey);
  find("remember").addEventListener("change", keepKey);
  find("model").value = DATA.model;
  find("send").addEventListener("click", send);
  find("stop").addEventListener("click", () => underway?.abort());
  find("list-models").addEventListener("click", listModels);
  find("clear").addEventListener("click", () => {
    turns = [];
    reported = null;
    find("log").replaceChildren();
    drawReport();
    find("message").focus();
  });
  find("message").addEventListener("keydown", (event) => {
    // Enter also ends a word in an input method; 229 is how Safari says so, after the composition has ended.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  });
}
drawings.push(() => {
  drawListed();
  find("key").placeholder = DATA.access === "open" ? said("keyNone") : "";
});
