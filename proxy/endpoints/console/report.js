// What a call really did: whether it streamed, when its pieces came, what it cost, how it ended.
let reported = null;

async function report(call) {
  reported = { call };
  drawReport();
  if (call.error && !call.pieces.length) return;
  // One more question, which goes nowhere: the prompt's tokens, and the price with as many tokens as came.
  const most = call.usage?.completion_tokens;
  const asked = await tally(most ? { ...call.request, max_completion_tokens: most, max_tokens: undefined } : call.request);
  // Meanwhile the next call may have ended, or the conversation been cleared.
  if (reported?.call !== call) return;
  reported.asked = asked;
  drawReport();
}

// A stream's pieces come one after another. All of them within a moment were held back somewhere.
const MOMENT = 30;

function verdict(call) {
  if (call.error && !call.pieces.length) return ["bad", said("failed")];
  if (call.buffered) return ["warn", said("bufferedTold")];
  if (!call.streamed) return ["good", said("wholeTold")];
  const spread = call.pieces.length ? call.pieces.at(-1).at - call.pieces[0].at : 0;
  const many = call.text.length + call.thought.length > 40;
  if (many && (call.pieces.length < 3 || spread < MOMENT)) return ["warn", said("heldTold")];
  return ["good", said("streamedTold")(call.pieces.length, seconds(spread))];
}

function facts(call, asked) {
  const rows = [];
  const told = asked?.told;
  if (call.pieces.length) rows.push([said("first"), seconds(call.pieces[0].at)]);
  rows.push([said("whole"), seconds(call.took)]);
  const prompt = call.usage?.prompt_tokens ?? told?.input_tokens;
  if (prompt !== undefined) {
    const answer = call.usage?.completion_tokens ?? said("notTold");
    rows.push([said("tokens"), `${prompt}${call.usage ? "" : ` (${said("estimated")})`} / ${answer}`]);
  }
  if (call.cost !== null) rows.push([said("cost"), dollars(Number(call.cost))]);
  else if (told) rows.push([said("cost"), dollars(call.usage ? told.price.at_max_output : told.price.input) || said("noPrice")]);
  else if (asked) rows.push([said("cost"), asked.why]);
  const ended = said("endings")[call.ended] || call.ended;
  const cut = call.truncated ? ` · ${said("truncated")[call.truncated] || call.truncated}` : "";
  rows.push([said("ending"), `${ended}${cut}`]);
  if (call.status) rows.push([said("status"), String(call.status)]);
  if (call.id) rows.push([said("requestId"), call.id]);
  if (call.upstreamId) rows.push([said("upstreamId"), call.upstreamId]);
  return rows;
}

function drawReport() {
  find("report").hidden = !reported;
  if (!reported) return;
  const { call, asked } = reported;
  const [tone, words] = verdict(call);
  find("verdict").textContent = words;
  find("verdict").className = `verdict ${tone}`;
  find("facts").replaceChildren(...facts(call, asked).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", name === said("requestId") || name === said("upstreamId") ? { class: "mono" } : {}, value))));
  find("plot").replaceChildren(...(call.pieces.length > 1 ? [plot(call)] : []));
}

// Characters over time, with a point where each piece came.
function plot(call) {
  const [width, height, left, foot] = [720, 150, 8, 24];
  const draw = (tag, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const all = call.pieces.reduce((sum, one) => sum + one.characters, 0);
  const x = (at) => left + ((width - 2 * left) * at) / (call.took || 1);
  const y = (count) => height - foot - ((height - foot - 22) * count) / (all || 1);
  let sum = 0;
  let path = `M${x(0).toFixed(1)} ${y(0)}`;
  const points = [];
  for (const one of call.pieces) {
    path += `H${x(one.at).toFixed(1)}`;
    sum += one.characters;
    path += `V${y(sum).toFixed(1)}`;
    points.push([x(one.at), y(sum)]);
  }
  // More points than can be told apart would only be a thick line.
  const step = Math.ceil(points.length / 150);
  const shown = points.filter((_, at) => at % step === 0);
  const label = said("plotLabel")(all, seconds(call.took));
  return draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    draw("path", { class: "area", d: `${path}H${x(call.took).toFixed(1)}V${y(0)}Z` }),
    draw("line", { x1: left, x2: width - left, y1: height - foot, y2: height - foot }),
    draw("path", { d: path }),
    ...shown.map(([cx, cy]) => draw("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 2.5 })),
    draw("text", { x: left, y: height - 6 }, "0"),
    draw("text", { x: width - left, y: height - 6, "text-anchor": "end" }, seconds(call.took)),
    draw("text", { x: left, y: 13 }, said("characters")(all)));
}
drawings.push(drawReport);
