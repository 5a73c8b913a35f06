// npm @anthropic-ai/sdk, the official SDK.
import Anthropic from "@anthropic-ai/sdk";
import { replay as replayed } from "./replay.mjs";

const messages = [{ role: "user", content: "你好" }];
const asked = (model) => ({ model, max_tokens: 9, messages });

// The header tells Tencent's web function how long its calls may take.
const open = ({ base, key, seconds }) =>
  new Anthropic({
    apiKey: key,
    baseURL: base,
    maxRetries: 0,
    defaultHeaders: { "X-Scf-Timeout": `${seconds * 1000}` },
  });

export async function text(o) {
  sayMessage(o, await open(o).messages.create(asked(o.model)));
}

export async function stream(o) {
  const streamed = open(o).messages.stream(asked(o.model));
  streamed.on("text", (delta) => o.say({ delta }));
  sayMessage(o, await streamed.finalMessage());
}

export async function count(o) {
  o.say({ tokens: (await open(o).messages.countTokens({ model: o.model, messages })).input_tokens });
}

export async function models(o) {
  const found = [];
  for await (const model of open(o).models.list()) found.push(model.id);
  o.say({ models: found });
}

function sayMessage(o, message) {
  o.say({ text: message.content[0].text, reason: message.stop_reason });
}

async function* events(client, model) {
  yield* await client.messages.create({ ...asked(model), stream: true });
}

export const replay = replayed(open, events);
