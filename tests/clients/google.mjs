// npm @google/genai, the official SDK.
import { GoogleGenAI } from "@google/genai";
import { replay as replayed } from "./replay.mjs";

const asked = (model) => ({ model, contents: "你好" });

// The header tells Tencent's web function how long its calls may take.
const open = ({ base, key, seconds }, apiVersion) =>
  new GoogleGenAI({
    apiKey: key,
    httpOptions: { baseUrl: base, apiVersion, headers: { "X-Scf-Timeout": `${seconds * 1000}` } },
  });

export async function text(o) {
  const answer = await open(o).models.generateContent(asked(o.model));
  o.say({ text: answer.text, reason: answer.candidates[0].finishReason });
}

export async function stream(o) {
  let whole = "";
  let reason = null;
  for await (const chunk of await open(o).models.generateContentStream(asked(o.model))) {
    whole += chunk.text ?? "";
    reason = chunk.candidates[0].finishReason ?? reason;
    if (chunk.text) o.say({ delta: chunk.text });
  }
  o.say({ text: whole, reason });
}

export async function count(o) {
  o.say({ tokens: (await open(o).models.countTokens(asked(o.model))).totalTokens });
}

export async function models(o) {
  const found = [];
  // The default version, v1, shares this path with OpenAI's API.
  for await (const model of await open(o, "v1beta").models.list()) found.push(model.name);
  o.say({ models: found });
}

export async function embed(o) {
  o.say({ values: (await open(o).models.embedContent(asked(o.model))).embeddings[0].values });
}

async function* chunks(client, model) {
  for await (const chunk of await client.models.generateContentStream(asked(model))) {
    const { sdkHttpResponse, ...rest } = chunk; // its headers differ
    yield rest;
  }
}

export const replay = replayed(open, chunks);
