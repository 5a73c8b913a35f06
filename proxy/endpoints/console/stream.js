// One call of the playground: its text, when each piece arrived, and how it ended.
async function streamAnswer(api, request, signal, onProgress) {
  const started = performance.now();
  const call = {
    api, started, request, text: "", reasoning: "", pieces: [], usage: null, counts: {}, reason: null, done: false, truncated: null,
    status: null, id: null, upstreamId: null, buffered: false, streamed: false, cost: null, error: null, ended: null, cutBy: "",
  };
  const { path, headers, event, whole } = PROTOCOLS[api];
  try {
    const response = await callApi(path, { body: request, signal, headers });
    const header = (name) => response.headers.get(name);
    call.status = response.status;
    call.id = header("x-sluice-request-id");
    call.upstreamId = header("x-request-id") || header("request-id");
    call.buffered = header("x-sluice-buffered") !== null;
    call.truncated = header("x-sluice-truncated");
    call.cost = header("x-sluice-cost-usd");
    call.streamed = response.ok && (header("content-type") || "").startsWith("text/event-stream");
    if (!response.ok) call.error = await readProblem(response);
    else if (call.streamed) await readStream(response, call, event, onProgress);
    else await readWhole(response, call, whole);
  } catch (error) {
    if (error.name === "AbortError") call.ended = "stopped";
    else if (call.pieces.length) [call.ended, call.cutBy] = ["cut", error.message];
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
  return ENDINGS[call.reason] || call.reason || "stop";
}

async function readWhole(response, call, read) {
  const answer = JSON.parse(await response.text());
  read(call, answer);
  if (answer.error && !call.error) readError(call, answer.error);
  call.pieces.push({ at: performance.now() - call.started, characters: call.text.length });
}

async function readStream(response, call, read, onProgress) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  // An empty line ends an event. Only what is new is searched for one, or a long event would be searched again and again.
  const end = /\r\n\r\n|\n\n|\r\r/g;
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    end.lastIndex = Math.max(0, rest.length - 3);
    rest += decoder.decode(value, { stream: !done });
    const before = call.text.length + call.reasoning.length;
    let [begin, data] = [0, false];
    for (let match = end.exec(rest); match; match = end.exec(rest)) {
      data = readEvent(rest.slice(begin, match.index), call, read) || data;
      begin = end.lastIndex;
    }
    rest = rest.slice(begin);
    // Keep-alive comments are not pieces of the answer.
    if (data) call.pieces.push({ at: performance.now() - call.started, characters: call.text.length + call.reasoning.length - before });
    onProgress(call);
    if (done) return;
    if (call.error) return void reader.cancel();
  }
}

// Whether the event has data.
function readEvent(event, call, read) {
  const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
  if (!lines.length) return false;
  const data = lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
  if (data === "[DONE]") {
    call.done = true;
    return true;
  }
  try {
    const value = JSON.parse(data);
    if (value.type === "ping") return false;
    read(call, value);
  } catch { /* not JSON, or not as the API has it: ignore it */ }
  return true;
}
