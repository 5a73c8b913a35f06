// The platform's limits, grouped by entry point.
function renderLimits() {
  const card = DATA.limits[language];
  byId("platform").textContent = card.name;
  byId("platform-streams").textContent = t(DATA.streams ? "streams" : "buffers");
  const nodes = [];
  let last = null;
  for (const [entry, limit, amount, kind, answer] of card.rows) {
    if (entry !== last) nodes.push(element("h3", { class: "entry" }, entry));
    last = entry;
    nodes.push(element("div", { class: "limit" }, element("span", {}, limit), element("b", {}, amount), element("span", { class: "muted small" }, kind), element("span", { class: "muted small" }, t("beyond")(answer))));
  }
  if (!nodes.length) nodes.push(element("p", {}, t("noLimits")));
  byId("limit-list").replaceChildren(...nodes);
}
renderers.push(renderLimits);
