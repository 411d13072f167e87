// Looks at the dashboard of two brokers in Chromium: node brokers.mjs URL SCREENSHOTS
//
// Like dashboard.mjs it says when it wants something done, and at last what it saw.
import { createInterface } from "node:readline";
import { once } from "node:events";
import { open } from "./chromium.mjs";

const [, , url, screenshots] = process.argv;
const input = createInterface({ input: process.stdin });
const { context, page, seen } = await open(url);
const texts = (where) => page.locator(where).allTextContents();
const workersAre = (count) => page.waitForFunction((count) => document.querySelectorAll("#workers tbody tr").length === count, count);

await workersAre(2);
seen.services = await texts("#services h3");
seen.brokers = await texts("#workers tbody td:nth-child(3)");
seen.header = await page.locator("#broker").textContent();
seen.state = await page.locator("#state").textContent();
await page.setViewportSize({ width: 360, height: 740 });
seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
await page.setViewportSize({ width: 1280, height: 900 });
if (screenshots) await page.screenshot({ path: `${screenshots}/brokers.png`, fullPage: true });

await page.locator("#workers button").last().click();
await workersAre(1);
seen.after_drain = await texts("#workers tbody td:nth-child(3)");

console.log("kill");
await once(input, "line");
await page.waitForFunction(() => document.getElementById("state").textContent.includes("does not answer"));
seen.down = await page.locator("#state").textContent();
seen.after_kill = await texts("#workers tbody td:nth-child(3)");

await context.close();
input.close();
console.log(JSON.stringify(seen));
