// The page's frame: addresses, tabs, language. Runs last.
const tabs = [...document.querySelectorAll("[role=tab]")];

function openTab(tab, focus) {
  for (const one of tabs) {
    const is = one === tab;
    one.setAttribute("aria-selected", String(is));
    one.tabIndex = is ? 0 : -1;
    find(one.getAttribute("aria-controls")).hidden = !is;
  }
  if (focus) tab.focus();
}

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => {
    openTab(tab);
    history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
  });
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) openTab(tabs[(at + step + tabs.length) % tabs.length], true);
  });
}

drawings.push(() => {
  find("status").textContent = said("running")(DATA.limits[language].name, DATA.version);
  for (const [id, name] of [["with-v1", "withV1"], ["without-v1", "withoutV1"]]) {
    document.querySelector(`[data-from=${id}]`).setAttribute("aria-label", `${said("copy")} ${said(name)}`);
  }
  find("access").textContent = said("access")[DATA.access] + (DATA.demo ? said("demo") : "");
});
find("with-v1").textContent = `${PLACE.base}/v1`;
find("without-v1").textContent = PLACE.base;
for (const button of document.querySelectorAll("button[data-from]")) {
  button.addEventListener("click", () => copy(button, find(button.dataset.from).textContent));
}
find("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  remembered.set("sluice-language", language);
  draw();
});
startChat();
startTokens();
draw();
openTab(tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) || tabs[0]);
