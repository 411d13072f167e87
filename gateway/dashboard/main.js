import { combine, problemOf } from "/dashboard/brokers.js";
import { draw } from "/dashboard/chart.js";
import * as gateway from "/dashboard/gateway.js";
import { History } from "/dashboard/history.js";
import { duration, element, keepingFocus, number, showCalls, showServices, showWorkers } from "/dashboard/tables.js";

const pace = 1000;
const at = (id) => document.getElementById(id);
const history = new History();
const known = new Map();  // methods, by full name

const ended = (stats) => stats.calls_answered;
const failed = (stats) => stats.calls_failed + stats.calls_refused;

function showTiles(stats, registered) {
  const tiles = [
    ["calls a second", number(history.rateNow(ended))], ["failed a second", number(history.rateNow(failed))],
    ["at workers", number(stats.places_taken)], ["waiting", number(stats.calls_queued)],
    ["workers", registered.map(number).join(" + ")], ["clients", number(stats.clients)],
  ];
  at("tiles").replaceChildren(...tiles.map(([name, value]) => {
    const tile = element("div");
    tile.append(element("dt", name), element("dd", value));
    return tile;
  }));
}

function showCharts(now) {
  draw(at("rate-chart"), [{ name: "answered", style: "ok", points: history.rate(ended) },
    { name: "failed", style: "bad", points: history.rate(failed) }], now);
  draw(at("calls-chart"), [{ name: "at workers", style: "ok", points: history.level((stats) => stats.places_taken) },
    { name: "waiting", style: "wait", points: history.level((stats) => stats.calls_queued) }], now);
}

function noteMethods(services) {
  known.clear();
  for (const service of services) for (const method of service.methods ?? []) known.set(`${service.name}.${method.name}`, method);
  const names = [...known.keys()];
  if (at("methods").childElementCount === names.length && names.every((name, i) => at("methods").children[i].value === name)) return;
  at("methods").replaceChildren(...names.map((name) => {
    const option = element("option");
    option.value = name;
    return option;
  }));
}

function showBrokers(all) {
  const which = (broker) => `${all.several ? `${broker.broker}: ` : ""}broker ${broker.stats.broker}, version ${broker.stats.version}, up for ${duration(broker.stats.uptime_ms * 1000)}`;
  at("broker").textContent = all.up.map(which).join("; ");
  at("state").textContent = ["live", ...all.silent.map((broker) => `${broker.broker} does not answer: ${problemOf(broker).message}`)].join("; ");
  at("state").className = all.silent.length > 0 ? "down" : "up";
}

function show({ brokers, may_drain: mayDrain }) {
  const all = combine(brokers);
  if (all.up.length === 0) throw new gateway.Refused(503, problemOf(brokers[0]));
  const { services, stats, workers, calls } = all;
  const now = Date.now();
  history.add(now, stats);
  noteMethods(services);
  keepingFocus(() => {
    showTiles(stats, all.registered);
    showCharts(now);
    showServices(at("services"), services, stats, history, choose);
    showWorkers(at("workers"), workers, all.several, mayDrain, drain);
    showCalls(at("calls"), calls, all.several);
  });
  showBrokers(all);
}

function showProblem(problem) {
  at("token-form").hidden = problem.status !== 401;
  at("state").className = "down";
  at("state").textContent = problem.status ? `the broker cannot be asked: ${problem.message}` : "the gateway does not answer; trying again";
}

async function refresh() {
  if (document.hidden) return;
  try {
    show(await gateway.state());
    at("token-form").hidden = true;
  } catch (problem) {
    showProblem(problem);
  }
}

async function goOn() {
  for (;;) {
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, pace));
  }
}

/// Words for what the chosen method takes, and a place for it.
function hint() {
  const method = known.get(at("method").value);
  at("hint").textContent = method ? `(${method.params.join(", ")}) → ${method.result || "?"}. ${method.doc ?? ""}` : "";
}

function example(parameter) {
  const type = parameter.split(":").at(-1).trim();
  return { str: '""', int: "0", uint: "0", float: "0.0", bool: "false", nil: "null" }[type] ?? (type.startsWith("map") ? "{}" : type.startsWith("list") ? "[]" : "null");
}

function choose(name, method) {
  at("method").value = name;
  at("params").value = `[${method.params.map(example).join(", ")}]`;
  hint();
  at("params").focus();
  at("params").scrollIntoView({ block: "center" });
}

async function drain(worker, pressed) {
  pressed.disabled = true;
  try {
    await gateway.call("rpc.drain", JSON.stringify([worker.id]), 5000, worker.broker);
  } catch (problem) {
    at("state").textContent = `${worker.name} was not told to leave: ${problem.message}`;
  }
}

async function callMethod(event) {
  event.preventDefault();
  const out = at("result");
  out.className = "";
  out.textContent = "calling …";
  const began = performance.now();
  try {
    const text = await gateway.call(at("method").value.trim(), at("params").value.trim() || "[]", at("timeout").value || 10000);
    out.textContent = text.trimEnd();
  } catch (problem) {
    out.className = "bad";
    out.textContent = `${problem.problem?.code ?? problem.name}: ${problem.message}`;
  }
  out.title = `after ${duration(Math.round((performance.now() - began) * 1000))}`;
}

at("call").addEventListener("submit", callMethod);
at("method").addEventListener("input", hint);
at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  gateway.keepToken(at("token").value);
  at("token").value = "";
  refresh();
});
document.addEventListener("visibilitychange", refresh);
goOn();
