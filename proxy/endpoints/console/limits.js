// The platform's limits, door by door.
function drawLimits() {
  const card = DATA.limits[language];
  find("platform").textContent = card.name;
  find("platform-streams").textContent = said(DATA.streams ? "streams" : "buffers");
  const made = [];
  let last = null;
  for (const [door, what, amount, kind, answer] of card.rows) {
    if (door !== last) made.push(make("h3", { class: "door" }, door));
    last = door;
    made.push(make("div", { class: "limit" }, make("span", {}, what), make("b", {}, amount), make("span", { class: "muted small" }, kind), make("span", { class: "muted small" }, said("beyond")(answer))));
  }
  if (!made.length) made.push(make("p", {}, said("noLimits")));
  find("limit-list").replaceChildren(...made);
}
drawings.push(drawLimits);
