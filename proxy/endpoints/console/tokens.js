// Counting before anything is sent, and what it would cost with a few models.
const PRICED = "gpt-4o-mini, gpt-4.1, gpt-5.4, deepseek-chat, qwen-plus";
let counts = null;

// A text, a list of messages, or a whole request.
function requestOf(text) {
  try {
    const value = JSON.parse(text);
    if (Array.isArray(value) && value.length && value.every((one) => one && typeof one === "object" && "role" in one)) return { messages: value };
    if (value && Array.isArray(value.messages)) return value;
  } catch { /* it is a text */ }
  return { messages: [{ role: "user", content: text }] };
}

async function countTokens() {
  const text = find("text").value;
  if (!text.trim()) {
    find("counted").textContent = said("nothing");
    return;
  }
  find("count").disabled = true;
  find("counted").textContent = said("counting");
  counts = [];
  const names = [...new Set(find("priced").value.split(/[,\uff0c、\s]+/).filter(Boolean))].slice(0, 12);
  let why = null;
  for (const model of names) {
    const asked = await tally({ ...requestOf(text), model });
    if (asked.missing) {
      why = asked.why;
      break;
    }
    counts.push({ model, ...asked });
    drawCounts();
  }
  find("counted").textContent = why || "";
  find("count").disabled = false;
  drawCounts();
}

function drawCounts() {
  if (!counts?.length) return void find("prices").replaceChildren();
  const rows = counts.map(({ model, told, why }) => {
    if (!told) return make("tr", {}, make("th", { scope: "row" }, model), make("td", { colspan: "4" }, why));
    const cells = [
      told.input_tokens.toLocaleString("en"),
      said("certainties")[told.certainty] || told.certainty,
      dollars(told.price.input) || said("noPrice"),
      told.context_window ? told.context_window.toLocaleString("en") : said("unknown"),
    ];
    return make("tr", {}, make("th", { scope: "row" }, model), ...cells.map((cell) => make("td", {}, cell)));
  });
  const date = counts.find((one) => one.told)?.told.price.date;
  find("prices").replaceChildren(
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": said("tabTokens") },
      make("table", {}, make("thead", {}, make("tr", {}, ...said("columns").map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, ...rows))),
    make("p", { class: "muted small" }, date ? said("dated")(date) : ""),
  );
}

function startTokens() {
  find("priced").value = PRICED;
  find("count").addEventListener("click", countTokens);
}
drawings.push(drawCounts);
