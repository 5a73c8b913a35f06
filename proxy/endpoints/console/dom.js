// Small tools: finding and making elements, the two languages, storage, copying. Answers of models never go through
// anything that reads HTML: everything here makes nodes and sets text.
const find = (id) => document.getElementById(id);
const DATA = JSON.parse(find("data").textContent);

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// Storage is not there in some private windows; the page then forgets, and works all the same.
const remembered = {
  get(name, store = () => localStorage) {
    try { return store().getItem(name); } catch { return null; }
  },
  set(name, value, store = () => localStorage) {
    try {
      if (value) store().setItem(name, value);
      else store().removeItem(name);
    } catch { /* it is forgotten */ }
  },
};

let language = remembered.get("sluice-language") || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!WORDS[language]) language = "en";
const said = (name) => WORDS[language][name];
// What must be drawn anew when the language changes.
const drawings = [];

function draw() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const one of document.querySelectorAll("[data-w]")) one.textContent = said(one.dataset.w);
  for (const one of document.querySelectorAll("[data-w-label]")) one.setAttribute("aria-label", said(one.dataset.wLabel));
  for (const one of document.querySelectorAll("[data-w-placeholder]")) one.placeholder = said(one.dataset.wPlaceholder);
  find("language").textContent = said("other");
  find("language").lang = language === "zh" ? "en" : "zh-CN";
  for (const one of drawings) one();
}

function copyButton(text, label) {
  const button = make("button", { type: "button", class: "copy", "aria-label": label ? `${said("copy")} ${label}` : null }, said("copy"));
  button.addEventListener("click", () => copy(button, text));
  return button;
}

async function copy(button, text) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No clipboard without HTTPS: the older way, over a selection.
    const field = make("textarea", { "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    done = document.execCommand("copy");
    field.remove();
    button.focus();
  }
  button.textContent = said(done ? "copied" : "copyFailed");
  find("announced").textContent = button.textContent;
  button.classList.toggle("done", done);
  setTimeout(() => {
    button.textContent = said("copy");
    button.classList.remove("done");
  }, 1600);
}

function seconds(milliseconds) {
  const unit = language === "zh" ? " 秒" : " s";
  return milliseconds < 995 ? `${Math.round(milliseconds)}${language === "zh" ? " 毫秒" : " ms"}` : `${(milliseconds / 1000).toFixed(2)}${unit}`;
}

function dollars(value) {
  if (value === null || value === undefined) return null;
  if (value === 0) return "$0";
  return `$${value >= 0.01 ? value.toFixed(4) : Number(value.toPrecision(3)).toFixed(12).replace(/0+$/, "")}`;
}
