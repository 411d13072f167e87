// The page's lists. Names and texts of others are only ever set as text.
import { short } from "/dashboard/chart.js";

export function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

export function duration(us) {
  if (us === undefined || us === null) return "–";
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
  const s = us / 1e6;
  if (s < 120) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  return s < 7200 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

export function number(value) { return value === null || value === undefined ? "–" : short.format(value); }

/// Columns: [title, cell of a row (text or element), class]. Made anew only where it changed, so that focus and selection stay.
function table(place, what, columns, rows, none) {
  if (rows.length === 0) return void place.replaceChildren(element("p", none, "none"));
  const made = element("table");
  const head = made.createTHead().insertRow();
  for (const [title, , kind] of columns) {
    const cell = element("th", title, kind === "n" ? "n" : "");
    cell.scope = "col";
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const [, read, kind] of columns) {
      const cell = element("td", undefined, kind);
      const value = read(row);
      cell.append(value instanceof Node ? value : String(value ?? "–"));
      line.append(cell);
    }
  }
  const scroll = element("div", undefined, "scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", what);
  scroll.append(made);
  place.replaceChildren(scroll);
}

function button(text, label, act) {
  const made = element("button", text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.dataset.key = label;
  made.addEventListener("click", () => act(made));
  return made;
}

/// Keeps the keyboard where it was, although what it was on is made anew.
export function keepingFocus(change) {
  const key = document.activeElement?.dataset?.key;
  const label = document.activeElement?.getAttribute?.("aria-label");
  change();
  if (key) document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  else if (label && !document.activeElement?.matches?.("input, textarea"))
    document.querySelector(`.scroll[aria-label="${CSS.escape(label)}"]`)?.focus({ preventScroll: true });
}

function signature(method) {
  return element("code", `${method.name}(${(method.params ?? []).join(", ")})${method.result ? " → " + method.result : ""}${method.stream ? ", streams" : ""}`);
}

function lastError(figures) {
  const last = figures?.last_error;
  if (!last) return "";
  return element("span", `${last.code}: ${last.message}`, "bad");
}

/// "3 workers"; with several brokers "3 + 3 workers".
function workersOf(service) {
  return `${service.workers.join(" + ")} worker${service.workers.join() === "1" ? "" : "s"}`;
}

export function showServices(place, services, stats, history, choose) {
  if (services.length === 0) return void place.replaceChildren(element("p", "Nobody has registered a service.", "none"));
  const parts = services.map((service) => {
    const part = element("div");
    part.append(element("h3", `${service.name}: ${workersOf(service)}, ${number(service.in_flight)} at them, ${number(service.queued)} waiting`));
    const full = (method) => `${service.name}.${method.name}`;
    const figures = (method) => stats.methods?.[full(method)];
    const rate = (method, what) => history.rateNow((each) => each.methods?.[full(method)]?.[what]);
    const list = element("div");
    table(list, `Methods of ${service.name}`, [
      ["Method", signature],
      ["", (method) => element("span", method.doc), "doc"],
      ["calls/s", (method) => number(rate(method, "calls")), "n"],
      ["errors/s", (method) => number(rate(method, "errors")), "n"],
      ["calls", (method) => number(method.calls), "n"],
      ["errors", (method) => element("span", number(method.errors), method.errors > 0 ? "bad" : ""), "n"],
      ["p50", (method) => duration(figures(method)?.recent?.count ? figures(method).recent.p50_us : null), "n"],
      ["p99", (method) => duration(figures(method)?.recent?.count ? figures(method).recent.p99_us : null), "n"],
      ["last error", (method) => lastError(figures(method))],
      ["", (method) => button("Call", `Call ${full(method)}`, () => choose(full(method), method))],
    ], service.methods ?? [], "It has no methods.");
    part.append(list);
    return part;
  });
  place.replaceChildren(...parts);
}

function workerState(worker) {
  if (worker.draining) return element("span", "leaving", "wait");
  if (worker.abandoned > 0) return element("span", `${worker.abandoned} calls without a caller`, "bad");
  return element("span", "ready", "good");
}

function load(worker) {
  const all = element("span");
  const bar = element("meter");
  bar.max = Math.max(1, worker.capacity);
  bar.value = worker.in_flight;
  bar.setAttribute("aria-label", `${worker.in_flight} of ${worker.capacity} places`);
  all.append(bar, ` ${worker.in_flight} of ${worker.capacity}`);
  return all;
}

const brokerColumn = ["Broker", (each) => element("code", each.broker)];

export function showWorkers(place, workers, several, mayDrain, drain) {
  const columns = [
    ["Name", (worker) => worker.name],
    ["Id", (worker) => element("code", worker.id)],
    ["Address", (worker) => element("code", worker.address)],
    ["Services", (worker) => (worker.services ?? []).join(", ")],
    ["Load", load],
    ["Oldest call", (worker) => (worker.oldest_us ? duration(worker.oldest_us) : "–"), "n"],
    ["Done", (worker) => number(worker.completed), "n"],
    ["Errors", (worker) => number(worker.errors), "n"],
    ["Up", (worker) => duration(worker.uptime * 1000), "n"],
    ["State", workerState],
  ];
  if (several) columns.splice(2, 0, brokerColumn);
  if (mayDrain) columns.push(["", (worker) => worker.draining ? "" : button("Drain", `Drain ${worker.name} ${worker.id}${several ? ` at ${worker.broker}` : ""}`, (pressed) => drain(worker, pressed))]);
  table(place, "Workers", columns, workers, "No worker is there.");
}

const slow = 1e6;

export function showCalls(place, calls, several, most = 50) {
  if (calls.error) return void place.replaceChildren(element("p", `The broker does not tell: ${calls.error.message}`, "none"));
  const oldest = [...calls].sort((a, b) => b.age_us - a.age_us);
  table(place, "Calls under way", [
    ["Method", (call) => element("code", call.method)],
    ["Age", (call) => element("span", duration(call.age_us), call.age_us >= slow ? "wait" : ""), "n"],
    ["State", (call) => call.state],
    ["Worker", (call) => call.worker ?? "–"],
    ["Client", (call) => call.client ?? "–"],
    ...(several ? [brokerColumn] : []),
  ], oldest.slice(0, most), "None.");
  if (oldest.length > most) place.append(element("p", `and ${oldest.length - most} younger ones`, "none"));
}
