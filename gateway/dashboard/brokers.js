// One picture from what several brokers tell. It needs nothing else, so that it is tested without a browser.

function addNumbers(into, from) {
  for (const [name, value] of Object.entries(from)) if (typeof value === "number") into[name] = (into[name] ?? 0) + value;
}

/// Figures of a method: quantiles are those of the broker where calls take longest, the last error is the newest.
function addFigures(into, from) {
  addNumbers(into, from);
  const [a, b] = [into.recent, from.recent];
  if (b?.count && (!a?.count || b.p99_us > a.p99_us)) into.recent = { ...b, count: b.count + (a?.count ?? 0) };
  else if (b?.count) into.recent = { ...a, count: a.count + b.count };
  if (from.last_error && !(into.last_error?.age_ms <= from.last_error.age_ms)) into.last_error = from.last_error;
}

function addStats(into, from) {
  addNumbers(into, from);
  for (const [method, figures] of Object.entries(from.methods ?? {})) addFigures(into.methods[method] ??= {}, figures);
}

/// Workers register at every broker that they know: their numbers stand beside each other, "3 + 3".
function addServices(into, from) {
  for (const service of from) {
    const known = into.get(service.name);
    if (!known) {
      into.set(service.name, { ...service, workers: [service.workers], methods: new Map((service.methods ?? []).map((method) => [method.name, { ...method }])) });
      continue;
    }
    known.workers.push(service.workers);
    known.queued += service.queued;
    known.in_flight += service.in_flight;
    for (const method of service.methods ?? []) {
      const same = known.methods.get(method.name);
      if (same) addNumbers(same, method);
      else known.methods.set(method.name, { ...method });
    }
  }
}

export function problemOf(broker) { return [broker.services, broker.stats, broker.workers].find((part) => part.error)?.error; }

/// `brokers`: as /dashboard/state tells them. What one of them does not tell is left out, and it is among `silent`.
export function combine(brokers) {
  const up = brokers.filter((broker) => !problemOf(broker));
  const stats = { broker: up.map((broker) => broker.stats.broker).join(), methods: {} };
  const services = new Map();
  const of = (part) => up.flatMap((broker) => broker[part].error ? [] : broker[part].map((each) => ({ ...each, broker: broker.broker })));
  for (const broker of up) {
    addStats(stats, broker.stats);
    addServices(services, broker.services);
  }
  const refused = up.find((broker) => broker.calls.error);
  return {
    up, silent: brokers.filter(problemOf), several: brokers.length > 1, stats,
    services: [...services.values()].map((service) => ({ ...service, methods: [...service.methods.values()] })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    workers: of("workers"), calls: refused && up.every((broker) => broker.calls.error) ? refused.calls : of("calls"),
    registered: up.map((broker) => broker.workers.length),
  };
}
