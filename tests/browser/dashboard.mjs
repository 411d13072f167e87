// Looks at the dashboard in Chromium, as a user would: node dashboard.mjs URL SCREENSHOTS
//
// Says on standard output when it wants something done ("kill", "token"), and goes on with the next line of its input. The last line
// is JSON: what it saw. A wait that takes too long ends it with an error.
import { createInterface } from "node:readline";
import { once } from "node:events";
import { open } from "./chromium.mjs";

const [, , url, screenshots] = process.argv;
const input = createInterface({ input: process.stdin });

async function done(what) {
  console.log(what);
  await once(input, "line");
}

const { context, page, seen } = await open(url);

const rows = (id) => page.locator(`#${id} tbody tr`);
const rowsAre = (id, count) => page.waitForFunction(([id, count]) => document.querySelectorAll(`#${id} tbody tr`).length === count, [id, count]);
const points = () => page.locator("#rate-chart polyline").first().getAttribute("points");

if (await page.locator("#token-form").isVisible().catch(() => false) || process.env.RPC_TOKEN) {
  await page.locator("#token-form").waitFor({ state: "visible" });
  await page.locator("#token").fill(process.env.RPC_TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#token-form").waitFor({ state: "hidden" });
  seen.token = true;
}

await rowsAre("workers", 3);
seen.workers = await rows("workers").count();
seen.services = await page.locator("#services h3").allTextContents();
seen.signature = await page.locator("#services code", { hasText: "CountString" }).first().textContent();

// The form, by keyboard alone.
await page.locator("#method").focus();
await page.keyboard.type("EchoUtil.CountString");
await page.keyboard.press("Tab");
await page.keyboard.press("ControlOrMeta+a");
await page.keyboard.type('["this is test"]');
seen.hint = await page.locator("#hint").textContent();
await page.keyboard.press("Tab");
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
await page.waitForFunction(() => !/calling|^$/.test(document.getElementById("result").textContent));
seen.result = await page.locator("#result").textContent();

// A button of the list fills the form; a failure says its code.
await page.locator('#services button[aria-label="Call EchoUtil.Fail"]').click();
seen.filled = [await page.locator("#method").inputValue(), await page.locator("#params").inputValue()];
await page.locator("#params").fill('["NOT_FOUND", "no <b>such</b> thing"]');
await page.locator("#call button").click();
await page.waitForFunction(() => document.getElementById("result").textContent.startsWith("NOT_FOUND"));
seen.failure = await page.locator("#result").textContent();
seen.markup = await page.locator("#result b, #services b").count();

const before = await points();
await page.waitForFunction((before) => document.querySelector("#rate-chart polyline")?.getAttribute("points").split(" ").length > before.split(" ").length + 1, before);
seen.charts_move = true;

if (screenshots) await page.screenshot({ path: `${screenshots}/light.png`, fullPage: true });
await page.emulateMedia({ colorScheme: "dark" });
seen.dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
if (screenshots) await page.screenshot({ path: `${screenshots}/dark.png`, fullPage: true });
await page.setViewportSize({ width: 360, height: 740 });
seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
await page.waitForTimeout(1500);  // the charts are drawn anew
if (screenshots) await page.screenshot({ path: `${screenshots}/narrow.png`, fullPage: true });
await page.setViewportSize({ width: 1280, height: 900 });

await done("kill");
await rowsAre("workers", 2);
seen.after_kill = await rows("workers").count();
if (process.env.RPC_MAY_DRAIN) {
  await page.locator("#workers button").first().click();
  await rowsAre("workers", 1);
  seen.after_drain = await rows("workers").count();
} else {
  seen.drain_buttons = await page.locator("#workers button").count();
}

await done("stop");
await page.waitForFunction(() => document.getElementById("state").className === "down");
seen.down = await page.locator("#state").textContent();

await context.close();
input.close();
console.log(JSON.stringify(seen));
