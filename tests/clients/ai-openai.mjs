// The AI SDK with @ai-sdk/openai, told to use chat completions.
import { createOpenAI } from "@ai-sdk/openai";
import { actions } from "./ai-common.mjs";

export const { text, stream, tools } = actions(({ base, key, model }) =>
  createOpenAI({ baseURL: base, apiKey: key }).chat(model),
);
