// The APIs of the playground: how each asks, what the events of its streams mean, and what its whole answers hold.
// A reader of events gets the call and the event's data, and may find anything in it.
const PROTOCOLS = {
  openai: {
    path: "chat/completions",
    ask: (model, system, turns, streamed) => ({
      model,
      messages: system ? [{ role: "system", content: system }, ...turns] : [...turns],
      ...(streamed ? { stream: true, stream_options: { include_usage: true } } : {}),
    }),
    event: (call, event) => readChat(call, event, "delta"),
    whole: (call, answer) => readChat(call, answer, "message"),
  },
  responses: {
    path: "responses",
    // Without `store: false` the provider keeps the conversation.
    ask: (model, system, turns, streamed) => ({ model, ...(system ? { instructions: system } : {}), input: [...turns], store: false, ...(streamed ? { stream: true } : {}) }),
    event: readResponsesEvent,
    whole: endResponse,
  },
  messages: {
    path: "messages",
    // docs.anthropic.com/en/api/versioning: the header is required, and so is max_tokens.
    headers: { "anthropic-version": "2023-06-01" },
    ask: (model, system, turns, streamed) => ({ model, max_tokens: 4096, ...(system ? { system } : {}), messages: [...turns], ...(streamed ? { stream: true } : {}) }),
    event: readMessagesEvent,
    whole: (call, answer) => {
      for (const block of answer.content || []) readBlock(call, block);
      endMessage(call, answer, answer.usage);
    },
  },
};

// How an answer has ended, by the reason that its API gives.
const ENDINGS = {
  stop: "stop", completed: "stop", end_turn: "stop", stop_sequence: "stop",
  length: "length", max_output_tokens: "length", max_tokens: "length", model_context_window_exceeded: "length", incomplete: "length",
  content_filter: "content_filter", refusal: "content_filter", tool_use: "tool_calls", function_call: "tool_calls",
};

const isText = (value) => typeof value === "string";

function readError(call, error) {
  call.error = { ...problemOf(isText(error) ? { message: error } : error), status: error.status || null, id: call.id };
}

function readChat(call, value, part) {
  if (value.error) readError(call, value.error);
  if (value.usage) call.usage = { input: value.usage.prompt_tokens, output: value.usage.completion_tokens };
  if (value.sluice?.truncated) call.truncated = value.sluice.truncated;
  const choice = value.choices?.[0];
  if (!choice) return;
  const content = choice[part] || {};
  for (const text of [content.content, content.refusal]) if (isText(text)) call.text += text;
  const reasoning = content.reasoning_content ?? content.reasoning;
  if (isText(reasoning)) call.reasoning += reasoning;
  if (choice.finish_reason) call.reason = choice.finish_reason;
}

function readResponsesEvent(call, event) {
  const { type, delta, item, response } = event;
  if (event.error || type === "error") readError(call, event.error || event);
  else if (type === "response.output_text.delta" || type === "response.refusal.delta") call.text += isText(delta) ? delta : "";
  else if (type === "response.reasoning_summary_text.delta" || type === "response.reasoning_text.delta") call.reasoning += isText(delta) ? delta : "";
  else if (type === "response.output_item.added" && item?.type === "message" && call.text) call.text += "\n\n";
  else if (response && /^response\.(completed|incomplete|failed)$/.test(type)) endResponse(call, response);
}

// The last event of a stream holds the whole response, as the answer without a stream does.
function endResponse(call, response) {
  const { usage, output = [] } = response;
  call.done = true;
  call.reason = response.incomplete_details?.reason || response.status;
  if (output.some(({ type }) => type === "function_call")) call.reason = "function_call";
  if (response.error) readError(call, response.error);
  if (response.sluice?.truncated) call.truncated = response.sluice.truncated;
  if (usage) call.usage = { input: usage.input_tokens, output: usage.output_tokens };
  const texts = (type, member, name) => output.filter((item) => item.type === type).flatMap((item) => item[member] || []).map((part) => part[name] || part.refusal || "").join("\n\n");
  call.text ||= texts("message", "content", "text");
  call.reasoning ||= texts("reasoning", "summary", "text");
}

function readMessagesEvent(call, event) {
  const { type, message, content_block: block, delta = {} } = event;
  if (event.error) readError(call, event.error);
  else if (type === "message_start") endMessage(call, {}, message?.usage);
  else if (type === "content_block_start") readBlock(call, block || {});
  else if (type === "content_block_delta") readBlock(call, delta);
  else if (type === "message_delta") endMessage(call, { ...delta, sluice: event.sluice }, event.usage);
  else if (type === "message_stop") call.done = true;
}

function readBlock(call, { text, thinking }) {
  if (isText(text)) call.text += text;
  if (isText(thinking)) call.reasoning += thinking;
}

// Usage comes in two parts, of which the second may repeat the first. What the cache held is not in input_tokens.
function endMessage(call, { stop_reason: reason, sluice }, usage) {
  if (reason) call.reason = reason;
  if (sluice?.truncated) call.truncated = sluice.truncated;
  for (const [name, value] of Object.entries(usage || {})) if (value !== null) call.counts[name] = value;
  const { input_tokens: input, cache_creation_input_tokens: written = 0, cache_read_input_tokens: read = 0, output_tokens: output } = call.counts;
  if (input !== undefined) call.usage = { input: input + written + read, output };
}
