// node run.mjs CLIENT ACTION BASE_URL [MODEL [SECONDS]]: does one thing with one client and prints a JSON line for each step.
// Each client is a file of its own with the same actions, where it has them.
import { stdin } from "node:process";

const [, , client, action, base, model = "demo", seconds = "8"] = process.argv;
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
// For tests that want to see something happen before the next thing does: a line on standard input.
const told = () => new Promise((resolve) => stdin.once("data", resolve));

const actions = await import(`./${client}.mjs`);
try {
  await actions[action]({ base, model, seconds: Number(seconds), key: "sk-caller", say, told });
} catch (error) {
  const status = error?.status ?? error?.statusCode ?? null;
  say({ error: String(error?.message ?? error), status, name: error?.name, request: error?.requestID ?? null });
}
process.exit(0);
