// One chat call: its text, when each piece arrived, and how it ended.
async function streamChat(request, signal, onProgress) {
  const started = performance.now();
  const call = {
    started, request, text: "", reasoning: "", pieces: [], usage: null, reason: null, done: false, truncated: null,
    status: null, id: null, upstreamId: null, buffered: false, streamed: false, cost: null, error: null, ended: null,
  };
  try {
    const response = await callApi("chat/completions", { body: request, signal });
    const header = (name) => response.headers.get(name);
    call.status = response.status;
    call.id = header("x-sluice-request-id");
    call.upstreamId = header("x-request-id");
    call.buffered = header("x-sluice-buffered") !== null;
    call.truncated = header("x-sluice-truncated");
    call.cost = header("x-sluice-cost-usd");
    call.streamed = response.ok && (header("content-type") || "").startsWith("text/event-stream");
    if (!response.ok) call.error = await readError(response);
    else if (call.streamed) await readStream(response, call, onProgress);
    else addChunk(call, await readWhole(response, call), "message");
  } catch (error) {
    if (error.name === "AbortError") call.ended = "stopped";
    else if (call.pieces.length) call.ended = "cut";
    else call.error = { ...describeFailure(error), status: call.status, id: call.id };
  } finally {
    call.duration = performance.now() - started;
  }
  call.ended = call.ended || ending(call);
  return call;
}

function ending(call) {
  if (call.error) return "failed";
  if (call.streamed && !call.done && !call.reason) return "cut";
  return call.reason || "stop";
}

async function readWhole(response, call) {
  const text = await response.text();
  const value = JSON.parse(text);
  call.pieces.push({ at: performance.now() - call.started, characters: String(value.choices?.[0]?.message?.content ?? "").length });
  return value;
}

async function readStream(response, call, onProgress) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    // An empty line ends an event. The rest may be incomplete.
    const events = rest.split(/\r\n\r\n|\n\n|\r\r/);
    rest = events.pop();
    const before = call.text.length + call.reasoning.length;
    let data = 0;
    for (const event of events) data += readEvent(event, call) ? 1 : 0;
    // Keep-alive comments are not pieces of the answer.
    if (data) call.pieces.push({ at: performance.now() - call.started, characters: call.text.length + call.reasoning.length - before });
    onProgress(call);
    if (done) return;
    if (call.error) return void reader.cancel();
  }
}

function readEvent(event, call) {
  const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
  if (!lines.length) return false;
  const data = lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
  if (data === "[DONE]") {
    call.done = true;
    return true;
  }
  try {
    addChunk(call, JSON.parse(data), "delta");
  } catch { /* not JSON: ignore it */ }
  return true;
}

function addChunk(call, value, part) {
  if (value.error) {
    const error = typeof value.error === "string" ? { message: value.error } : value.error;
    call.error = { message: errorMessage(error) || JSON.stringify(error), code: error.code || error.type || null, status: error.status || call.status, id: call.id };
  }
  if (value.usage) call.usage = value.usage;
  if (value.sluice?.truncated) call.truncated = value.sluice.truncated;
  const choice = value.choices?.[0];
  if (!choice) return;
  const content = choice[part] || {};
  if (typeof content.content === "string") call.text += content.content;
  if (typeof content.refusal === "string") call.text += content.refusal;
  const reasoning = content.reasoning_content ?? content.reasoning;
  if (typeof reasoning === "string") call.reasoning += reasoning;
  if (choice.finish_reason) call.reason = choice.finish_reason;
}
