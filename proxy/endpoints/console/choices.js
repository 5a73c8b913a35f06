// What the playground calls with: the API, the model and the key.
const PLAYED = Object.keys(PROTOCOLS);

// How many models were listed; kept to show it in either language.
let modelCount = null;

function renderModelCount() {
  if (modelCount !== null) byId("models-status").textContent = modelCount ? t("models")(modelCount) : t("noModels");
}

async function listModels() {
  modelCount = null;
  const status = byId("models-status");
  let problem = null;
  try {
    const response = await callApi("models");
    if (response.ok) {
      const names = ((await response.json()).data || []).map((model) => String(model.id)).sort();
      byId("models").replaceChildren(...names.map((name) => element("option", { value: name })));
      modelCount = names.length;
      if (names.length && !names.includes(byId("model").value)) byId("model").value = names.find((name) => name.includes("mini")) || names[0];
    } else problem = await readProblem(response);
  } catch (error) {
    problem = describeFailure(error);
  }
  showProblem(status, problem);
  renderModelCount();
}

// The key stays in this tab, and on the device only if the reader asked for it.
function keepKey() {
  const remember = byId("remember").checked;
  storage.set("sluice-key", remember ? byId("key").value : "");
  storage.set("sluice-key", byId("key").value, () => sessionStorage);
}

const modelOf = (api) => DATA.models[api] || DATA.model;

// A model that nobody has changed becomes the one that this endpoint has for the chosen API.
function chooseApi() {
  if (PLAYED.some((api) => byId("model").value === modelOf(api))) byId("model").value = modelOf(byId("api").value);
  renderApi();
}

function renderApi() {
  const api = byId("api").value;
  const served = serving(api);
  byId("api-status").className = served === "none" ? "small bad" : "small muted";
  byId("api-status").replaceChildren(element("code", {}, `POST ${API_PATHS[api]}`), ` · ${t("here")}${t("colon")}${t("serving")[served]}`);
}

function startChoices() {
  const saved = storage.get("sluice-key");
  byId("remember").checked = Boolean(saved);
  byId("key").value = storage.get("sluice-key", () => sessionStorage) || saved || "";
  byId("key").addEventListener("input", keepKey);
  byId("remember").addEventListener("change", keepKey);
  byId("api").append(...PLAYED.map((api) => element("option", { value: api }, t("apis")[api])));
  byId("api").value = PLAYED.find((api) => DATA.models[api]) || CHAT;
  byId("api").addEventListener("change", chooseApi);
  byId("model").value = modelOf(byId("api").value);
  byId("list-models").addEventListener("click", listModels);
}
renderers.push(() => {
  renderModelCount();
  for (const option of byId("api").options) option.textContent = t("apis")[option.value];
  renderApi();
  byId("key").placeholder = DATA.access === "open" ? t("keyNone") : "";
});
