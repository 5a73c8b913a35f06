// One chat call from its first byte to its last: what was said, when each piece came, and how it ended.
async function converse(request, signal, heard) {
  const began = performance.now();
  const call = {
    began, request, text: "", thought: "", pieces: [], usage: null, reason: null, done: false, truncated: null,
    status: null, id: null, upstreamId: null, buffered: false, streamed: false, cost: null, error: null, ended: null,
  };
  try {
    const response = await ask("chat/completions", { body: request, signal });
    const header = (name) => response.headers.get(name);
    call.status = response.status;
    call.id = header("x-sluice-request-id");
    call.upstreamId = header("x-request-id");
    call.buffered = header("x-sluice-buffered") !== null;
    call.truncated = header("x-sluice-truncated");
    call.cost = header("x-sluice-cost-usd");
    call.streamed = response.ok && (header("content-type") || "").startsWith("text/event-stream");
    if (!response.ok) call.error = await failure(response);
    else if (call.streamed) await listen(response, call, heard);
    else take(call, await piece(response, call), "message");
  } catch (error) {
    if (error.name === "AbortError") call.ended = "stopped";
    else if (call.pieces.length) call.ended = "cut";
    else call.error = { ...broken(error), status: call.status, id: call.id };
  } finally {
    call.took = performance.now() - began;
  }
  call.ended = call.ended || ending(call);
  return call;
}

function ending(call) {
  if (call.error) return "failed";
  if (call.streamed && !call.done && !call.reason) return "cut";
  return call.reason || "stop";
}

async function piece(response, call) {
  const text = await response.text();
  const value = JSON.parse(text);
  call.pieces.push({ at: performance.now() - call.began, characters: String(value.choices?.[0]?.message?.content ?? "").length });
  return value;
}

async function listen(response, call, heard) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    // An event ends at an empty line. The last one counts only with its end.
    const events = rest.split(/\r\n\r\n|\n\n|\r\r/);
    rest = events.pop();
    const before = call.text.length + call.thought.length;
    let data = 0;
    for (const event of events) data += hear(event, call) ? 1 : 0;
    // Comments that keep the connection alive are no pieces of an answer.
    if (data) call.pieces.push({ at: performance.now() - call.began, characters: call.text.length + call.thought.length - before });
    heard(call);
    if (done) return;
    if (call.error) return void reader.cancel();
  }
}

function hear(event, call) {
  const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
  if (!lines.length) return false;
  const data = lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
  if (data === "[DONE]") {
    call.done = true;
    return true;
  }
  try {
    take(call, JSON.parse(data), "delta");
  } catch { /* what is no JSON says nothing */ }
  return true;
}

function take(call, value, part) {
  if (value.error) {
    const error = typeof value.error === "string" ? { message: value.error } : value.error;
    call.error = { message: sentence(error) || JSON.stringify(error), code: error.code || error.type || null, status: error.status || call.status, id: call.id };
  }
  if (value.usage) call.usage = value.usage;
  if (value.sluice?.truncated) call.truncated = value.sluice.truncated;
  const choice = value.choices?.[0];
  if (!choice) return;
  const words = choice[part] || {};
  if (typeof words.content === "string") call.text += words.content;
  if (typeof words.refusal === "string") call.text += words.refusal;
  const thought = words.reasoning_content ?? words.reasoning;
  if (typeof thought === "string") call.thought += thought;
  if (choice.finish_reason) call.reason = choice.finish_reason;
}
