// Settings to paste, from the table that the documents are made of too.
let chosen = DATA.clients[0].id;

function filled(text) {
  return text.replaceAll("{v1}", `${PLACE.base}/v1`).replaceAll("{base}", PLACE.base).replaceAll("{key}", DATA.key).replaceAll("{model}", DATA.model);
}

function drawClients() {
  find("app-list").replaceChildren(...DATA.clients.map((one) => {
    const button = make("button", { type: "button", "aria-pressed": String(one.id === chosen), "data-app": one.id }, one.name);
    button.addEventListener("click", () => {
      chosen = one.id;
      drawClients();
      find("app-list").querySelector(`[data-app="${one.id}"]`).focus();
    });
    return button;
  }));
  const one = DATA.clients.find((client) => client.id === chosen);
  const settings = one.fields.map((field) => {
    const value = filled(field.value);
    return make("div", { class: "copyable" }, make("span", { class: "label" }, field[language]), make("code", {}, value), copyButton(value, field[language]));
  });
  find("app").replaceChildren(
    make("h2", {}, one.name),
    make("dl", { class: "facts" },
      make("div", {}, make("dt", {}, said("where")), make("dd", {}, ...inline(one.where[language]))),
      make("div", {}, make("dt", {}, said("spelling")), make("dd", {}, said("wants")[one.v1]))),
    ...settings,
    ...(one.code ? [codeBlock(filled(one.code), one.name)] : []),
    make("p", {}, ...inline(one.note[language])),
    make("p", { class: "muted small" }, `${one.confirmed ? "" : `${said("unconfirmed")} `}${said("source")(one.source, one.read)}`),
  );
}
drawings.push(drawClients);
