// What the page asks of the gateway that it came from. The token, if one is wanted, lives as long as the browser's tab.
const kept = "rpcbroker-token";

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.message ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

export function keepToken(token) { sessionStorage.setItem(kept, token); }

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  const token = sessionStorage.getItem(kept);
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers, cache: "no-store" });
  const text = await response.text();
  if (response.ok) return text;
  let problem = {};
  try { problem = JSON.parse(text).error ?? {}; } catch { /* not from the gateway itself */ }
  throw new Refused(response.status, problem);
}

export async function state() { return JSON.parse(await ask("/dashboard/state", { signal: AbortSignal.timeout(5000) })); }

/// The text of the result, as it came: numbers are not rounded.
/// `broker`: at this one, of the broker's own methods.
export function call(method, params, timeout, broker = "") {
  return ask(`/call/${encodeURIComponent(method)}?timeout=${timeout}ms${broker && `&broker=${encodeURIComponent(broker)}`}`,
    { method: "POST", body: params, headers: { "Content-Type": "application/json" } });
}
