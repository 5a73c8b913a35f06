// npm openai, the official SDK.
import OpenAI, { toFile } from "openai";
import { replay as replayed } from "./replay.mjs";

const api = ({ base, key }) => new OpenAI({ apiKey: key, baseURL: base, maxRetries: 0 });
const messages = [{ role: "user", content: "你好" }];

export async function text(o) {
  const answer = await api(o).chat.completions.create({ model: o.model, messages, max_tokens: 5 });
  o.say({ text: answer.choices[0].message.content });
}

export async function stream(o) {
  let whole = "";
  for await (const part of await api(o).chat.completions.create({ model: o.model, messages, stream: true })) {
    const delta = part.choices[0]?.delta?.content;
    if (delta) {
      whole += delta;
      o.say({ delta });
    }
  }
  o.say({ text: whole });
}

export async function responses(o) {
  let whole = "";
  for await (const event of await api(o).responses.create({ model: o.model, input: "你好", stream: true })) {
    if (event.type === "response.output_text.delta") whole += event.delta;
  }
  o.say({ text: whole });
}

export async function abort(o) {
  const streamed = await api(o).chat.completions.create({ model: o.model, messages, stream: true });
  for await (const part of streamed) {
    o.say({ delta: part.choices[0].delta.content });
    streamed.controller.abort();
  }
  o.say({ aborted: streamed.controller.signal.aborted });
  await o.told(); // the process stays, so that only the abort can have ended the call
}

export async function models(o) {
  const found = [];
  for await (const model of await api(o).models.list()) found.push(model.id);
  o.say({ models: found });
}

export async function upload(o) {
  const file = await toFile(Buffer.from('{"你好": 1}\n'), "中文.jsonl");
  const made = await api(o).files.create({ file, purpose: "batch" });
  o.say({ id: made.id });
}

// The names of recordings begin with their API.
async function* events(client, name) {
  const model = name.slice(name.indexOf("/") + 1);
  if (name.startsWith("responses/")) yield* await client.responses.create({ model, input: "你好", stream: true });
  else if (name.startsWith("chat/")) yield* await client.chat.completions.create({ model, messages, stream: true });
  else yield* await client.completions.create({ model, prompt: "你好", stream: true });
}

export const replay = replayed(({ base, key }) => api({ base: `${base}/v1`, key }), events);
