// The AI SDK with @ai-sdk/openai-compatible.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { actions } from "./ai-common.mjs";

export const { text, stream, tools } = actions(({ base, key, model }) =>
  createOpenAICompatible({ name: "sluice", baseURL: base, apiKey: key })(model),
);
