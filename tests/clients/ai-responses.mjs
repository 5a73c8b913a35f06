// The AI SDK with @ai-sdk/openai as it is by default: the Responses API.
import { createOpenAI } from "@ai-sdk/openai";
import { actions } from "./ai-common.mjs";

export const { text, stream, tools } = actions(({ base, key, model }) =>
  createOpenAI({ baseURL: base, apiKey: key }).responses(model),
);
