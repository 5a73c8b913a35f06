// Reads recorded streams twice, directly and through Sluice, and says for each what came of it.

const MAX_SHOWN = 500; // characters of an event

// `o.base` is both addresses, `o.model` the names of all recordings. `open(o)` makes a client, and `read(client, name)`
// yields the events of one stream as plain values.
export const replay = (open, read) => async (o) => {
  const clients = o.base.split(",").map((base) => open({ ...o, base }));
  for (const name of o.model.split(",")) {
    const [direct, relayed] = await Promise.all(clients.map((client) => all(read(client, name))));
    const at = direct.events.findIndex((event, i) => event !== relayed.events[i]);
    const differs = at >= 0 || relayed.events.length !== direct.events.length;
    const first = at >= 0 ? at : direct.events.length;
    const difference = differs ? [direct, relayed].map(({ events }) => events[first]?.slice(0, MAX_SHOWN) ?? null) : null;
    o.say({ name, events: direct.events.length, errors: [direct.error, relayed.error], difference });
  }
};

async function all(stream) {
  const events = [];
  try {
    for await (const event of stream) events.push(JSON.stringify(event));
  } catch (error) {
    return { events, error: `${error?.constructor?.name}: ${error?.message ?? error}` };
  }
  return { events, error: null };
}
