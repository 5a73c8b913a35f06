// The conversation: what was said so far, sending, stopping, and the key.
let turns = [];
let underway = null;

function bubble(kind, who) {
  const text = make("div", { class: "text" });
  const made = make("div", { class: `said ${kind}` }, make("div", { class: "who" }, who), text);
  find("log").append(made);
  return { made, text };
}

function show(target, call) {
  const parts = [];
  if (call.thought) parts.push(make("details", call.text ? {} : { open: "" }, make("summary", {}, said("thought")), make("div", { class: "thought" }, call.thought)));
  parts.push(markdown(call.text));
  target.text.replaceChildren(...parts);
  const log = find("log");
  log.scrollTop = log.scrollHeight;
}

function showFailure(error) {
  const target = bubble("failed", said("failed"));
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
  const asked = bubble("user", said("you"));
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
    // No more often than the screen shows something new.
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      if (underway) show(answer, soFar);
    });
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
    turns.push({ role: "assistant", content: call.text });
  } else {
    answer.made.remove();
    // What was not answered was not said: it goes back to where it can be sent again.
    const unsaid = turns.pop().content;
    if (!find("message").value) find("message").value = unsaid;
  }
  if (call.ended === "stopped") answer.text.append(make("p", { class: "muted small" }, said("stopped")));
  if (call.error) showFailure(call.error);
  else if (call.ended === "cut") showFailure({ message: said("cutShort"), code: null, status: call.status, id: call.id });
}

function busy(is) {
  find("send").hidden = is;
  find("stop").hidden = !is;
  find("clear").disabled = is;
  if (!is) find("message").focus();
}

async function listModels() {
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
    told.textContent = names.length ? said("models")(names.length) : said("noModels");
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
  find("key").placeholder = DATA.access === "open" ? said("keyNone") : "";
});
