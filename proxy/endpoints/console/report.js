// The report on a call: whether it streamed, when its pieces arrived, what it cost and how it ended.
let reported = null;

async function report(call, chat) {
  reported = { call };
  renderReport();
  if (call.error && !call.pieces.length) return;
  // A call that stays on this endpoint: the prompt's tokens, and the price of the whole call.
  const output = call.usage?.output;
  const estimated = await estimate(output ? { ...chat, max_completion_tokens: output } : chat);
  // Meanwhile the next call may have ended, or the conversation may have been cleared.
  if (reported?.call !== call) return;
  reported.estimated = estimated;
  renderReport();
}

// If all pieces of a stream arrive within this many milliseconds, something buffered them.
const BURST = 30;

function verdict(call) {
  if (call.error && !call.pieces.length) return ["bad", t("failed")];
  if (call.buffered) return ["warn", t("verdictBuffered")];
  if (!call.streamed) return ["good", t("verdictWhole")];
  const spread = call.pieces.length ? call.pieces.at(-1).at - call.pieces[0].at : 0;
  const long = call.text.length + call.reasoning.length > 40;
  if (long && (call.pieces.length < 3 || spread < BURST)) return ["warn", t("verdictHeld")];
  return ["good", t("verdictStreamed")(call.pieces.length, seconds(spread))];
}

function facts(call, estimated) {
  const rows = [];
  const result = estimated?.result;
  if (call.pieces.length) rows.push([t("first"), seconds(call.pieces[0].at)]);
  rows.push([t("whole"), seconds(call.duration)]);
  const prompt = call.usage?.input ?? result?.input_tokens;
  if (prompt !== undefined) {
    const answer = call.usage?.output ?? t("notReported");
    rows.push([t("tokens"), `${prompt}${call.usage ? "" : ` (${t("estimated")})`} / ${answer}`]);
  }
  if (call.cost !== null) rows.push([t("cost"), dollars(Number(call.cost))]);
  else if (result) rows.push([t("cost"), dollars(call.usage ? result.price.at_max_output : result.price.input) || t("noPrice")]);
  else if (estimated) rows.push([t("cost"), messageOf(estimated.problem)]);
  const ended = t("endings")[call.ended] || call.ended;
  const cut = call.truncated ? ` · ${t("truncated")[call.truncated] || call.truncated}` : "";
  rows.push([t("ending"), `${ended}${cut}`]);
  if (call.reason) rows.push([t("reason"), call.reason]);
  if (call.status) rows.push([t("status"), String(call.status)]);
  if (call.id) rows.push([t("requestId"), call.id]);
  if (call.upstreamId) rows.push([t("upstreamId"), call.upstreamId]);
  return rows;
}

function renderReport() {
  byId("report").hidden = !reported;
  if (!reported) return;
  const { call, estimated } = reported;
  const [tone, text] = verdict(call);
  byId("verdict").textContent = text;
  byId("verdict").className = `verdict ${tone}`;
  byId("facts").replaceChildren(...facts(call, estimated).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", name === t("requestId") || name === t("upstreamId") ? { class: "mono" } : {}, value))));
  byId("plot").replaceChildren(...(call.pieces.length > 1 ? [plot(call)] : []));
}

// A plot of characters over time, with a point for each piece.
function plot(call) {
  const [width, height, left, foot] = [720, 150, 8, 24];
  const total = call.pieces.reduce((sum, piece) => sum + piece.characters, 0);
  const x = (at) => left + ((width - 2 * left) * at) / (call.duration || 1);
  const y = (count) => height - foot - ((height - foot - 22) * count) / (total || 1);
  let sum = 0;
  let path = `M${x(0).toFixed(1)} ${y(0)}`;
  const shown = [];
  // More points would merge into a thick line.
  const step = Math.ceil(call.pieces.length / 150);
  for (const [at, piece] of call.pieces.entries()) {
    sum += piece.characters;
    if (at % step && at < call.pieces.length - 1) continue;
    path += `H${x(piece.at).toFixed(1)}V${y(sum).toFixed(1)}`;
    shown.push([x(piece.at), y(sum)]);
  }
  const label = t("plotLabel")(total, seconds(call.duration));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    svg("path", { class: "area", d: `${path}H${x(call.duration).toFixed(1)}V${y(0)}Z` }),
    svg("line", { x1: left, x2: width - left, y1: height - foot, y2: height - foot }),
    svg("path", { d: path }),
    ...shown.map(([cx, cy]) => svg("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 2.5 })),
    svg("text", { x: left, y: height - 6 }, "0"),
    svg("text", { x: width - left, y: height - 6, "text-anchor": "end" }, seconds(call.duration)),
    svg("text", { x: left, y: 13 }, t("characters")(total)));
}
renderers.push(renderReport);
