// What the dashboard makes of several brokers, without a browser: node --test brokers_test.mjs
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../gateway/dashboard/brokers.js", import.meta.url), "utf8");
const { combine } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const error = { error: { code: "UNAVAILABLE", message: "gone" } };
const silent = { broker: "tcp://c:1", services: error, stats: error, workers: error, calls: error };

function broker(name, figures, calls = []) {
  return {
    broker: `tcp://${name}:1`, calls,
    services: [{ name: "S", workers: 3, queued: 1, in_flight: 2, methods: [{ name: "M", params: ["int"], calls: 4, errors: 1 }, { name: `Of${name}`, calls: 0, errors: 0 }] }],
    stats: { broker: name, version: "1", calls_accepted: 10, clients: 2, methods: { "S.M": figures } },
    workers: [{ id: "w1", name: "n" }],
  };
}

const fast = { calls: 4, recent: { count: 3, p50_us: 10, p99_us: 20 }, last_error: { code: "A", age_ms: 500 } };
const slow = { calls: 4, recent: { count: 1, p50_us: 90, p99_us: 95 }, last_error: { code: "B", age_ms: 100 } };
const idle = { calls: 1, recent: { count: 0, p50_us: 0, p99_us: 0 }, last_error: null };

test("numbers add up, quantiles are the slowest broker's, errors the newest", () => {
  for (const pair of [[fast, slow], [slow, fast]]) {
    const { stats } = combine([broker("a", pair[0]), broker("b", pair[1])]);
    assert.equal(stats.broker, "a,b");
    assert.equal(stats.calls_accepted, 20);
    assert.deepEqual(stats.methods["S.M"], { calls: 8, recent: { count: 4, p50_us: 90, p99_us: 95 }, last_error: slow.last_error });
  }
  assert.deepEqual(combine([broker("a", fast), broker("b", idle)]).stats.methods["S.M"].recent, fast.recent);
});

test("a service is one, with the methods of all", () => {
  const { services } = combine([broker("a", fast), broker("b", slow)]);
  assert.equal(services.length, 1);
  assert.deepEqual(services[0].workers, [3, 3]);
  assert.equal(services[0].queued, 2);
  assert.deepEqual(services[0].methods.map(({ name, calls }) => [name, calls]), [["M", 8], ["Ofa", 0], ["Ofb", 0]]);
});

test("workers and calls say which broker they are at", () => {
  const { workers, calls } = combine([broker("a", fast, [{ method: "S.M" }]), broker("b", slow)]);
  assert.deepEqual(workers.map((worker) => worker.broker), ["tcp://a:1", "tcp://b:1"]);
  assert.deepEqual(calls, [{ method: "S.M", broker: "tcp://a:1" }]);
});

test("a broker that does not answer is left out and told", () => {
  const { up, silent: missing, stats } = combine([broker("a", fast), silent]);
  assert.deepEqual([up.length, missing.length, stats.calls_accepted], [1, 1, 10]);
  assert.equal(combine([silent]).up.length, 0);
});

test("who may not see calls is told so, where no broker shows them", () => {
  assert.equal(combine([{ ...broker("a", fast), calls: error }]).calls.error, error.error);
  assert.deepEqual(combine([{ ...broker("a", fast), calls: error }, broker("b", slow)]).calls, []);
});

test("nothing that was told is changed", () => {
  const told = [broker("a", fast), broker("b", slow)];
  const before = structuredClone(told);
  combine(told);
  assert.deepEqual(told, before);
});
