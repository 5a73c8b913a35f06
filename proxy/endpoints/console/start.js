// The page around the tabs: addresses, tab bar, language. Runs last.
const tabs = [...document.querySelectorAll("[role=tab]")];

function openTab(tab, focus) {
  for (const other of tabs) {
    const selected = other === tab;
    other.setAttribute("aria-selected", String(selected));
    other.tabIndex = selected ? 0 : -1;
    byId(other.getAttribute("aria-controls")).hidden = !selected;
  }
  if (focus) tab.focus();
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => {
    openTab(tab);
    history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
  });
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    openTab(tabs.at(to % tabs.length), true);
  });
}

renderers.push(() => {
  byId("status").textContent = t("running")(DATA.limits[language].name, DATA.version);
  for (const [id, name] of [["with-v1", "withV1"], ["without-v1", "withoutV1"]]) {
    document.querySelector(`[data-from=${id}]`).setAttribute("aria-label", `${t("copy")} ${t(name)}`);
  }
  byId("access").textContent = t("access")[DATA.access] + (DATA.demo ? t("demo") : "");
});
byId("with-v1").textContent = `${ENDPOINT.base}/v1`;
byId("without-v1").textContent = ENDPOINT.base;
for (const button of document.querySelectorAll("button[data-from]")) {
  button.addEventListener("click", () => copy(button, byId(button.dataset.from).textContent));
}
byId("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  storage.set("sluice-language", language);
  announce("");
  render();
});
startChoices();
startChat();
startTokens();
render();
openTab(tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) || tabs[0]);
