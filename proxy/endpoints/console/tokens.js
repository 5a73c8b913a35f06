// Counts tokens before anything is sent, and shows the price with several models.
let counts = null;

// A request made of a text, a list of messages, or a whole request.
function requestOf(text) {
  try {
    const value = JSON.parse(text);
    if (Array.isArray(value) && value.length && value.every((item) => item && typeof item === "object" && "role" in item)) return { messages: value };
    if (value && Array.isArray(value.messages)) return value;
  } catch { /* plain text */ }
  return { messages: [{ role: "user", content: text }] };
}

async function countTokens() {
  const text = byId("text").value;
  if (!text.trim()) {
    showText(byId("counted"), "nothing");
    return;
  }
  byId("count").disabled = true;
  showProblem(byId("counted"), null);
  showText(byId("counted"), "counting");
  counts = [];
  const names = [...new Set(byId("priced").value.split(/[,\uff0c、\s]+/).filter(Boolean))].slice(0, 12);
  let problem = null;
  for (const model of names) {
    const count = await estimate({ ...requestOf(text), model });
    if (count.problem?.text === "notInstalled") {
      problem = count.problem;
      break;
    }
    counts.push({ model, ...count });
    renderCounts();
  }
  showText(byId("counted"), null);
  showProblem(byId("counted"), problem);
  byId("count").disabled = false;
  renderCounts();
}

function renderCounts() {
  if (!counts?.length) return void byId("prices").replaceChildren();
  const rows = counts.map(({ model, result, problem }) => {
    if (!result) {
      const cell = element("td", { colspan: "4" });
      showProblem(cell, problem);
      return element("tr", {}, element("th", { scope: "row" }, model), cell);
    }
    const cells = [
      result.input_tokens.toLocaleString("en"),
      t("certainties")[result.certainty] || result.certainty,
      dollars(result.price.input) || t("noPrice"),
      result.context_window ? result.context_window.toLocaleString("en") : t("unknown"),
    ];
    return element("tr", {}, element("th", { scope: "row" }, model), ...cells.map((cell) => element("td", {}, cell)));
  });
  const date = counts.find((count) => count.result)?.result.price.date;
  byId("prices").replaceChildren(
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("tabTokens") },
      element("table", {}, element("thead", {}, element("tr", {}, ...t("columns").map((name) => element("th", { scope: "col" }, name)))), element("tbody", {}, ...rows))),
    element("p", { class: "muted small" }, date ? t("dated")(date) : ""),
  );
}

function startTokens() {
  byId("priced").value = DATA.priced;
  byId("count").addEventListener("click", countTokens);
}
renderers.push(renderCounts);
