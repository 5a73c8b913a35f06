// What was spent as bars: one for each day, made of the models or keys that cost most.
const SERIES = 5;

// Amounts are texts in dollars with up to nine decimals. They are added as integers, or they would not match the bill.
function nano(text) {
  const [whole, part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(9, "0"));
}

function money(amount) {
  const digits = String(amount).padStart(10, "0");
  return `$${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, "");
}

function allDays(since, until) {
  const days = [];
  for (let at = Date.parse(since); at <= Date.parse(until); at += 864e5) days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

// Each day's amounts by series: the place of each name in `names`, and the last place for all that are not in it.
function stacked(entries, names) {
  const days = new Map();
  for (const { day, id, cost } of entries) {
    const place = names.includes(id) ? names.indexOf(id) : SERIES;
    const amounts = days.get(day) || new Map();
    amounts.set(place, (amounts.get(place) || 0n) + cost);
    days.set(day, amounts);
  }
  return days;
}

function sumOf(amounts) {
  return [...amounts].reduce((sum, amount) => sum + amount, 0n);
}

// `series` are the names and labels of those that cost most, dearest first.
function usagePlot(report, entries, series, title) {
  // A drawing is scaled to the width of the page, and its letters with it.
  const [width, height, top, foot] = [innerWidth < 640 ? 360 : 720, 200, 22, 24];
  const days = allDays(report.since, report.until);
  const amounts = stacked(entries, series.map(({ id }) => id));
  const highest = [...amounts.values()].map((day) => sumOf(day.values())).reduce((most, sum) => (sum > most ? sum : most), 0n);
  const scale = (amount) => ((height - top - foot) * Number(amount)) / (Number(highest) || 1);
  const step = width / days.length;
  const bars = [];
  for (const [index, day] of days.entries()) {
    let sum = 0n;
    for (const [place, amount] of [...(amounts.get(day) || [])].sort(([a], [b]) => a - b)) {
      sum += amount;
      const label = place < series.length ? series[place].label : t("others");
      bars.push(svg("rect", { class: `s${place}`, x: (index * step + step * 0.1).toFixed(2), y: (height - foot - scale(sum)).toFixed(2), width: (step * 0.8).toFixed(2), height: scale(amount).toFixed(2) },
        svg("title", {}, `${day} · ${label} · ${money(amount)}`)));
    }
  }
  const total = money(sumOf(entries.map(({ cost }) => cost)));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "spent-title spent-text" },
    svg("title", { id: "spent-title" }, title),
    svg("desc", { id: "spent-text" }, t("usagePlot")(report.since, report.until, total)),
    ...bars,
    svg("line", { x1: 0, x2: width, y1: height - foot, y2: height - foot }),
    svg("text", { x: 0, y: 13 }, money(highest)),
    svg("text", { x: 0, y: height - 6 }, report.since),
    svg("text", { x: width, y: height - 6, "text-anchor": "end" }, report.until));
}

function legend(series, hasOthers) {
  const names = [...series.map(({ label }) => label), ...(hasOthers ? [t("others")] : [])];
  return element("ul", { class: "legend" }, ...names.map((name, at) => element("li", {}, element("span", { class: `swatch s${at < series.length ? at : SERIES}` }), name)));
}
