// The tab Usage: what a key has spent and has left, and with ADMIN_KEY what all keys have spent. The key that is typed
// here is for one question and kept nowhere. Only on the page of a server with a store.
const SPANS = [7, 30, 90];
let span = 30;
// The last answer: a report, or why there is none; or that it is still loading.
let answered = null;
let questions = 0;

async function loadUsage() {
  questions += 1;
  const question = questions;
  answered = { loading: true };
  renderUsage();
  const since = new Date(Date.now() - (span - 1) * 864e5).toISOString().slice(0, 10);
  let answer;
  try {
    const response = await callApi(`sluice/usage?since=${since}`, { given: byId("usage-key").value.trim() });
    answer = response.ok ? { report: await response.json() } : { failure: await readProblem(response) };
  } catch (error) {
    answer = { failure: describeFailure(error) };
  }
  // Meanwhile another span may have been chosen.
  if (question !== questions) return;
  answered = answer;
  renderUsage();
}

// The rows added up by day and model, or for the owner by day and key; the newest day first.
function entriesOf(report) {
  const names = new Map((report.keys || []).map((key) => [key.id, key.name]));
  const repeated = new Set([...names.values()].filter((name, at, all) => all.indexOf(name) !== at));
  const entries = new Map();
  for (const row of report.rows) {
    const id = report.keys ? row.key : row.model;
    const label = report.keys ? (repeated.has(row.name) ? `${row.name} (${id})` : row.name || id) : id;
    const place = `${row.day} ${id}`;
    const entry = entries.get(place) || { day: row.day, id, label, calls: 0, input: 0, output: 0, cost: 0n };
    for (const name of ["calls", "input", "output"]) entry[name] += row[name];
    entry.cost += nano(row.cost_usd);
    entries.set(place, entry);
  }
  return [...entries.values()].sort((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : b.cost > a.cost ? 1 : b.cost < a.cost ? -1 : 0));
}

// All models or keys, those that cost most first.
function seriesOf(entries) {
  const series = new Map();
  for (const { id, label, cost } of entries) series.set(id, { id, label, cost: (series.get(id)?.cost || 0n) + cost });
  return [...series.values()].sort((a, b) => (b.cost > a.cost ? 1 : b.cost < a.cost ? -1 : 0));
}

function count(number) {
  return number.toLocaleString("en");
}

function moment(seconds, length = 10) {
  return `${new Date(seconds * 1000).toISOString().slice(0, length).replace("T", " ")} UTC`;
}

function factList(rows) {
  return element("dl", { class: "facts" }, ...rows.filter(([, value]) => value !== null).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

// A table in a region that scrolls, also by keyboard. `columns` are titles; those from `numbers` on hold numbers.
function usageTable(title, columns, numbers, rows, foot) {
  const cell = (tag, value, at, more) => element(tag, { class: at >= numbers ? "number" : null, ...more }, value);
  const line = (row) => element("tr", {}, ...row.map((value, at) => (at ? cell("td", value, at) : cell("th", value, at, { scope: "row" }))));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
    element("table", {},
      element("caption", {}, title),
      element("thead", {}, element("tr", {}, ...columns.map((name, at) => cell("th", name, at, { scope: "col" })))),
      element("tbody", {}, ...rows.map(line)),
      ...(foot ? [element("tfoot", {}, line(foot))] : [])));
}

function balanceCard({ name, expires, limits, balance }) {
  const rows = [
    [t("keyName"), name],
    [t("validUntil"), expires === null ? t("never") : moment(expires)],
    [t("budget"), limits.budget_usd === null ? t("noBudget") : `${money(nano(limits.budget_usd))} ${t("periods")[limits.period]}`],
    [t("spentNow"), money(nano(balance.spent_usd))],
    [t("reserved"), nano(balance.reserved_usd) ? money(nano(balance.reserved_usd)) : null],
    [t("left"), balance.left_usd === null ? null : money(nano(balance.left_usd))],
    [t("startsAgain"), limits.budget_usd === null || limits.starts_again === null ? null : moment(limits.starts_again, 16)],
    ...["rpm", "tpm", "parallel"].map((limit) => [t(limit), limits[limit] === null ? null : count(limits[limit])]),
  ];
  const bar = [];
  if (limits.budget_usd !== null) {
    const used = nano(balance.spent_usd) + nano(balance.reserved_usd);
    const share = Number(used) / Number(nano(limits.budget_usd));
    const text = t("budgetUsed")(Math.round(share * 100));
    bar.push(element("progress", { max: 1, value: Math.min(share, 1), "aria-label": text }), element("p", { class: "muted small" }, text));
  }
  return element("div", { class: "card" }, ...bar, factList(rows));
}

function keysCard(report) {
  const rows = report.keys.map((key) => [
    key.name || key.id,
    element("span", { class: { active: null, expired: "muted", revoked: "bad" }[key.state] }, t("states")[key.state]),
    key.expires === null ? t("never") : moment(key.expires),
    moment(key.last_seen),
    count(key.calls),
    money(nano(key.cost_usd)),
  ]);
  const columns = [t("keyName"), t("state"), t("validUntil"), t("lastUsed"), t("calls"), t("cost")];
  const more = report.keys_left_out ? [element("p", { class: "muted small" }, t("keysLeftOut")(count(report.keys_left_out)))] : [];
  return element("div", { class: "card spent", id: "keys" }, usageTable(t("keysTitle"), columns, 4, rows), ...more);
}

function spendingCard(report) {
  const kind = report.keys ? "key" : "model";
  const title = t("spentBy")[kind];
  const { totals } = report;
  const entries = entriesOf(report);
  const series = seriesOf(entries);
  const dearest = series.slice(0, SERIES);
  const figures = (one, cost) => [count(one.calls), count(one.input), count(one.output), money(cost)];
  const rows = entries.map((entry) => [entry.day, entry.label, ...figures(entry, entry.cost)]);
  const columns = [t("day"), t("series")[kind], t("calls"), t("input"), t("output"), t("cost")];
  const foot = [t("total"), "", ...figures(totals, nano(totals.cost_usd))];
  return element("div", { class: "card spent", id: "spending" },
    element("h2", {}, title),
    factList([[t("cost"), money(nano(totals.cost_usd))], [t("calls"), count(totals.calls)], [t("input"), count(totals.input)], [t("output"), count(totals.output)]]),
    ...(entries.length
      ? [element("div", { class: "plot" }, usagePlot(report, entries, dearest, title)), legend(dearest, series.length > SERIES), usageTable(title, columns, 2, rows, foot)]
      : [element("p", {}, t("nothingSpent"))]),
    ...(report.rows_left_out ? [element("p", { class: "hint" }, t("leftOut")(count(report.rows_left_out)))] : []));
}

function renderUsage() {
  for (const button of byId("days").children) {
    button.textContent = t("lastDays")(button.dataset.days);
    button.setAttribute("aria-pressed", String(Number(button.dataset.days) === span));
  }
  const { report, failure, loading } = answered || {};
  showProblem(byId("usage-status"), failure || null);
  if (loading) byId("usage-status").textContent = t("loading");
  byId("spent").replaceChildren(...(report ? [report.keys ? keysCard(report) : balanceCard(report), spendingCard(report)] : []));
}

function startUsage() {
  byId("days").append(...SPANS.map((length) => {
    const button = element("button", { type: "button", "data-days": length });
    button.addEventListener("click", () => {
      span = length;
      if (answered) loadUsage();
      else renderUsage();
    });
    return button;
  }));
  byId("show-usage").addEventListener("click", loadUsage);
  byId("usage-key").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) loadUsage();
  });
}
startUsage();
renderers.push(renderUsage);
