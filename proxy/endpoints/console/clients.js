// Settings to paste into agents, apps and code. docs/clients.md and docs/agents.md are made from the same table.
const GROUPS = ["agents", "apps", "code"];
const CHAT = "openai";
const API_PATHS = { openai: "/v1/chat/completions", responses: "/v1/responses", messages: "/v1/messages", gemini: "/v1beta/models/…" };
let chosen = DATA.clients.find(({ group }) => group === GROUPS[0]).id;

function filled(text, api) {
  const values = { v1: `${ENDPOINT.base}/v1`, base: ENDPOINT.base, key: DATA.key, model: DATA.models[api] || DATA.model };
  return text.replace(/\{(v1|base|key|model)\}/g, (_, name) => values[name]);
}

// How this endpoint serves an API: "native", "translated", with the callers' "own" keys, or "none".
function serving(api) {
  if (!DATA.models[api]) return "none";
  if (DATA.translated.includes(api)) return "translated";
  return DATA.access.startsWith("own-key") && !DATA.demo ? "own" : "native";
}

function clientButton(client) {
  const button = element("button", { type: "button", "aria-pressed": String(client.id === chosen), "data-app": client.id }, client.name);
  button.addEventListener("click", () => {
    chosen = client.id;
    renderClients();
    byId("app-list").querySelector(`[data-app="${client.id}"]`).focus();
  });
  return button;
}

function clientGroup(group) {
  const title = element("h3", { id: `group-${group}` }, t("groups")[group]);
  const buttons = DATA.clients.filter((client) => client.group === group).map(clientButton);
  return element("div", { class: "group" }, title, element("div", { class: "apps", role: "group", "aria-labelledby": title.id }, ...buttons));
}

// Code with its copy button. Lines for a Unix shell also as PowerShell wants them.
function clientCode(part, client, label) {
  const text = filled(part.code, client.api);
  const nodes = [codeBlock(text, label)];
  if (text.startsWith("export ")) {
    const lines = text.replace(/^export (\w+)=(.*)$/gm, '$env:$1 = "$2"');
    nodes.push(element("details", {}, element("summary", {}, "PowerShell"), codeBlock(lines, `${label}, PowerShell`)));
  }
  return nodes;
}

function renderClients() {
  byId("app-list").replaceChildren(...GROUPS.map(clientGroup));
  const client = DATA.clients.find(({ id }) => id === chosen);
  const api = client.api || CHAT;
  const served = serving(api);
  const settings = client.fields.map((field) => {
    const value = filled(field.value);
    return element("div", { class: "copyable" }, element("span", { class: "label" }, field[language]), element("code", {}, value), copyButton(value, field[language]));
  });
  const facts = [
    [t("where"), inline(client.where[language])],
    [t("spelling"), [t("wants")[client.v1]]],
    [t("api"), [`${t("apis")[api]} `, element("code", {}, API_PATHS[api])]],
    [t("here"), [element("span", { class: served === "none" ? "bad" : "good" }, t("serving")[served])]],
  ];
  byId("app").replaceChildren(
    element("h2", { id: "app-title" }, client.name),
    element("dl", { class: "facts" }, ...facts.map(([name, nodes]) => element("div", {}, element("dt", {}, name), element("dd", {}, ...nodes)))),
    ...(served === "none" ? [element("p", { class: "hint" }, t("notServed")(t("apis")[api], { messages: "ANTHROPIC_API_KEY", gemini: "GEMINI_API_KEY" }[api] || "OPENAI_API_KEY"))] : []),
    ...settings,
    ...(client.code ? clientCode(client, client, client.name) : []),
    ...(client.more ? [element("p", {}, ...inline(client.more[language])), ...clientCode(client.more, client, `${client.name} (2)`)] : []),
    element("p", {}, ...inline(client.note[language])),
    element("p", { class: "muted small" }, `${client.confirmed ? "" : `${t("unconfirmed")} `}${t("source")(client.source, client.read)}`),
  );
}
renderers.push(renderClients);
