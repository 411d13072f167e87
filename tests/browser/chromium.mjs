// A Chromium of its own, and what must not happen in it.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { chromium } from "playwright-core";

const executablePath = process.env.RPC_CHROMIUM ?? "/usr/bin/chromium";
const patience = 60_000;

/// `seen.outside`: what was asked for elsewhere than at `url`; `seen.problems`: errors of the page.
export async function open(url) {
  const context = await chromium.launchPersistentContext(mkdtempSync(`${tmpdir()}/dashboard-`), {
    executablePath, headless: true, viewport: { width: 1280, height: 900 },
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(patience);
  const seen = { outside: [], problems: [] };
  page.on("request", (request) => { if (!/^(data:|blob:)/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin) seen.outside.push(request.url()); });
  page.on("pageerror", (problem) => seen.problems.push(String(problem)));
  page.on("console", (message) => { if (message.type() === "error" && !/status of [45]\d\d|ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)/.test(message.text())) seen.problems.push(message.text()); });
  await page.goto(url);
  return { context, page, seen };
}
