// A small host for a built Worker: real Pyodide and the real SDK, under Node, in place of Cloudflare's runtime.
// `node workers_host.mjs SRC SDK [trace]` prints its control port. POST / there with {"env": …, "cf": …, "wrapped": …,
// "entry": …} makes a Worker with these variables and answers with its port; GET / answers with what Python has printed
// so far, GET /arcs with the lines that have run one after the other.
import http from "node:http";
import { loadPyodide } from "pyodide";

const [src, sdk, traced] = process.argv.slice(2);
const lines = [];
const pyodide = await loadPyodide({ stdout: (line) => lines.push(line), stderr: (line) => lines.push(line) });
for (const [place, folder] of [["/worker", src], ["/sdk", sdk]]) {
  pyodide.FS.mkdirTree(place);
  pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: folder }, place);
}
pyodide.FS.mkdirTree("/host");
pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: import.meta.dirname }, "/host");
pyodide.registerJsModule("_cloudflare_compat_flags", {});
pyodide.registerJsModule("_pyodide_entrypoint_helper", {
  cloudflareWorkersModule: { env: {}, waitUntil() {} },
  cloudflareSocketsModule: {},
  doAnImport: (name) => import(name),
  patch_env_helper() {},
  patchWaitUntil() {},
});
// The runtime imports the SDK itself; the Worker's own modules are imported under its rules.
pyodide.runPython("import sys; sys.path[:0] = ['/worker', '/sdk', '/host']");
const arcs = traced ? pyodide.pyimport("arcs") : undefined;
arcs?.start();
const guard = pyodide.pyimport("import_guard");
const workers = pyodide.pyimport("workers");

function make({ env, cf, wrapped, entry: name }) {
  const entry = guard.import_worker(name); // a module of its own, so that each set of variables is an isolate of its own to the Worker
  return async (request) => {
    Object.defineProperty(request, "cf", { value: cf });
    const context = { waitUntil() {}, passThroughOnException() {} };
    guard.enter(entry);
    const instance = entry.Default(context, env);
    const result = await instance.fetch(wrapped ? workers.Request(request) : request);
    return result?.js_object ?? result;
  };
}

// What Cloudflare's network adds to each request.
const ADDED = [["CF-Connecting-IP", "192.0.2.1"], ["CF-Ray", "8f-HKG"], ["CF-IPCountry", "CN"], ["X-Forwarded-Proto", "https"],
               ["X-Real-IP", "192.0.2.1"], ["CDN-Loop", "cloudflare; loops=1"]];

function incoming(req) {
  const headers = new Headers(ADDED);
  for (let at = 0; at < req.rawHeaders.length; at += 2) headers.append(req.rawHeaders[at], req.rawHeaders[at + 1]);
  const bodiless = ["GET", "HEAD"].includes(req.method) || !(req.headers["content-length"] ?? req.headers["transfer-encoding"]);
  const body = bodiless ? undefined : new ReadableStream({
    start(controller) {
      req.on("data", (data) => controller.enqueue(new Uint8Array(data)));
      req.on("end", () => controller.close());
      req.on("error", (error) => controller.error(error));
    },
  });
  return new Request(`http://${req.headers.host}${req.url}`, { method: req.method, headers, body, duplex: "half" });
}

async function answer(worker, req, res) {
  const response = await worker(incoming(req));
  res.writeHead(response.status, [...response.headers]);
  res.flushHeaders();
  const reader = response.body?.getReader();
  res.on("close", () => res.writableFinished || reader?.cancel("the client left").catch(() => {}));
  try {
    for (let piece; reader && !(piece = await reader.read()).done; )
      if (!res.write(piece.value)) await new Promise((drained) => res.once("drain", drained).once("close", drained));
    res.end();
  } catch {
    res.destroy();
  }
}

const listen = (server) => new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server.address().port)));

const control = http.createServer(async (req, res) => {
  try {
    if (req.url === "/arcs") return res.end(arcs.as_json());
    if (req.method === "GET") return res.end(JSON.stringify(lines));
    let body = "";
    for await (const piece of req) body += piece;
    const worker = make(JSON.parse(body));
    const failed = (res) => (error) => (lines.push(String(error)), res.destroy());
    const server = http.createServer((req, res) => answer(worker, req, res).catch(failed(res)));
    res.end(JSON.stringify({ port: await listen(server) }));
  } catch (error) {
    res.end(JSON.stringify({ error: String(error) }));
  }
});
console.log(JSON.stringify({ port: await listen(control) }));
process.stdin.on("end", () => process.exit()).resume(); // whoever started this is gone
