// Settings to paste into apps. docs/clients.md and docs/agents.md are made from the same table.
let chosen = DATA.clients[0].id;

function filled(text, api) {
  const values = { v1: `${ENDPOINT.base}/v1`, base: ENDPOINT.base, key: DATA.key, model: DATA.models[api] || DATA.model };
  return text.replace(/\{(v1|base|key|model)\}/g, (_, name) => values[name]);
}

function renderClients() {
  byId("app-list").replaceChildren(...DATA.clients.map((client) => {
    const button = element("button", { type: "button", "aria-pressed": String(client.id === chosen), "data-app": client.id }, client.name);
    button.addEventListener("click", () => {
      chosen = client.id;
      renderClients();
      byId("app-list").querySelector(`[data-app="${client.id}"]`).focus();
    });
    return button;
  }));
  const client = DATA.clients.find(({ id }) => id === chosen);
  const settings = client.fields.map((field) => {
    const value = filled(field.value);
    return element("div", { class: "copyable" }, element("span", { class: "label" }, field[language]), element("code", {}, value), copyButton(value, field[language]));
  });
  const code = (part) => codeBlock(filled(part.code, client.api), client.name);
  byId("app").replaceChildren(
    element("h2", {}, client.name),
    element("dl", { class: "facts" },
      element("div", {}, element("dt", {}, t("where")), element("dd", {}, ...inline(client.where[language]))),
      element("div", {}, element("dt", {}, t("spelling")), element("dd", {}, t("wants")[client.v1]))),
    ...settings,
    ...(!client.api || DATA.models[client.api] ? [] : [element("p", { class: "hint" }, t("notServed"))]),
    ...(client.code ? [code(client)] : []),
    ...(client.more ? [element("p", {}, ...inline(client.more[language])), code(client.more)] : []),
    element("p", {}, ...inline(client.note[language])),
    element("p", { class: "muted small" }, `${client.confirmed ? "" : `${t("unconfirmed")} `}${t("source")(client.source, client.read)}`),
  );
}
renderers.push(renderClients);
