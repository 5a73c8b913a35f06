// Elements, languages, storage and copying. Models' answers are never parsed as HTML: everything here creates nodes
// and sets their text.
const byId = (id) => document.getElementById(id);
const DATA = JSON.parse(byId("data").textContent);

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Some private windows have no storage. The page then works without remembering anything.
const storage = {
  get(name, store = () => localStorage) {
    try { return store().getItem(name); } catch { return null; }
  },
  set(name, value, store = () => localStorage) {
    try {
      if (value) store().setItem(name, value);
      else store().removeItem(name);
    } catch { /* nothing is remembered */ }
  },
};

let language = storage.get("sluice-language") || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!TEXTS[language]) language = "en";
const t = (name) => TEXTS[language][name];
// What to render again when the language changes.
const renderers = [];

function render() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll("[data-text-label]")) node.setAttribute("aria-label", t(node.dataset.textLabel));
  for (const node of document.querySelectorAll("[data-text-placeholder]")) node.placeholder = t(node.dataset.textPlaceholder);
  byId("language").textContent = t("other");
  byId("language").lang = language === "zh" ? "en" : "zh-CN";
  for (const renderer of renderers) renderer();
}

function copyButton(text, label) {
  const button = element("button", { type: "button", class: "copy", "data-text": "copy", "aria-label": label ? `${t("copy")} ${label}` : null }, t("copy"));
  button.addEventListener("click", () => copy(button, text));
  return button;
}

// For screen readers, which are not told of every piece of an answer.
function announce(text) {
  byId("announced").textContent = text;
}

// Shows one of this page's texts, which then follows the language; without a name, nothing.
function showText(node, name) {
  if (name) node.dataset.text = name;
  else delete node.dataset.text;
  node.textContent = name ? t(name) : "";
}

async function copy(button, text) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS there is no clipboard API; copy from a selection instead.
    const field = element("textarea", { "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    done = document.execCommand("copy");
    field.remove();
    button.focus();
  }
  button.textContent = t(done ? "copied" : "copyFailed");
  announce(button.textContent);
  button.classList.toggle("done", done);
  setTimeout(() => {
    button.textContent = t("copy");
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
