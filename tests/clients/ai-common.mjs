// The AI SDK's own calls, the same for each of its providers.
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

export const actions = (model) => ({
  async text(o) {
    const { text } = await generateText({ model: model(o), prompt: "你好", maxOutputTokens: 20, maxRetries: 0 });
    o.say({ text });
  },

  async stream(o) {
    let whole = "";
    const { fullStream } = streamText({ model: model(o), prompt: "你好", maxRetries: 0, onError() {} });
    for await (const part of fullStream) {
      if (part.type === "error") throw part.error;
      if (part.type === "text-delta") {
        whole += part.text;
        o.say({ delta: part.text });
      }
    }
    o.say({ text: whole });
  },

  async tools(o) {
    const weather = tool({
      description: "The weather in a city",
      inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
      execute: async ({ city }) => `sunny in ${city}`,
    });
    const result = await generateText({
      model: model(o),
      prompt: "What is the weather?",
      tools: { weather },
      stopWhen: stepCountIs(2),
      maxRetries: 0,
    });
    const calls = result.steps.flatMap((step) => step.toolResults.map((one) => [one.toolName, one.input, one.output]));
    o.say({ calls, text: result.text });
  },
});
