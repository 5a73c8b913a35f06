// npm chatgpt, the client of many small bots: ChatGPTAPI with another base URL.
import { ChatGPTAPI } from "chatgpt";

const api = ({ base, model, key }, more = {}) =>
  new ChatGPTAPI({ apiKey: key, apiBaseUrl: base, completionParams: { model, ...more } });

export async function text(o) {
  sayResult(o, await api(o, { max_tokens: 5 }).sendMessage("你好"));
}

export async function conversation(o) {
  const client = api(o);
  const first = await client.sendMessage("first question");
  const second = await client.sendMessage("second question", { parentMessageId: first.id });
  o.say({ texts: [first.text, second.text], parent: second.parentMessageId !== undefined });
}

export async function stream(o) {
  const onProgress = (part) => part.delta && o.say({ delta: part.delta });
  // Without a time-out this client waits for ever where a stream ends without [DONE].
  sayResult(o, await api(o).sendMessage("你好", { onProgress, timeoutMs: o.seconds * 1000 }));
}

function sayResult(o, result) {
  o.say({ text: result.text });
}
