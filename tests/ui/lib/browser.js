// Chromium, and what the tests ask of a page.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser"];
const CHROMIUM = process.env.CHROMIUM ?? PROGRAMS.map((name) => `/usr/bin/${name}`).find(existsSync) ?? "chromium";

export const launch = () => chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--enable-precise-memory-info", "--js-flags=--expose-gc"],
});

/** @typedef {import("playwright-core").Page & {problems: string[]}} Watched */

/**
 * A page of its own whose console, errors and policy violations are kept.
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").BrowserContextOptions} [options]
 * @returns {Promise<Watched>}
 */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, timezoneId: "Europe/Berlin", ...options });
  if (process.env.UI_FROM_DISK) await fromDisk(context);
  const page = /** @type {Watched} */ (await context.newPage());
  page.setDefaultTimeout(30_000);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error.stack)));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/Failed to load resource|net::ERR/.test(text)) page.problems.push(text);
  });
  return page;
}

/**
 * While the page is being worked on: its files as they are now, not as they were built in.
 * @param {import("playwright-core").BrowserContext} context
 */
async function fromDisk(context) {
  const ui = new URL("../../../src/ui/", import.meta.url);
  await context.route(/\/ui\/[^?]+$/, async (route) => {
    const answer = await route.fetch().catch(() => null);
    // the page was closed
    if (!answer) return;
    const body = readFileSync(new URL(new URL(route.request().url()).pathname.slice(4), ui));
    const type = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" }[/** @type {"js"} */ (route.request().url().split(".").at(-1))];
    await route.fulfill({ status: 200, headers: { ...answer.headers(), "content-type": type, "content-length": String(body.length) }, body });
  });
}

/** Pages that a failed test left open hold connections. @param {import("playwright-core").Browser} browser */
export const closeAll = (browser) => Promise.all(browser.contexts().map((context) => context.close()));

/** @param {Watched} page */
export async function done(page) {
  assert.deepEqual(page.problems, [], "nothing went wrong in the page");
  await page.context().close();
}

/** Messages of the rows on the screen, in their order. @param {import("playwright-core").Page} page */
export const visibleTexts = (page) => page.evaluate(() => {
  const list = [...document.querySelectorAll(".list")].find((one) => one.clientHeight > 0);
  if (!list) return [];
  const box = list.getBoundingClientRect();
  return [...list.querySelectorAll(".row")]
    .filter((row) => row.getBoundingClientRect().bottom > box.top && row.getBoundingClientRect().top < box.bottom)
    .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
    .map((row) => row.querySelector(".text")?.textContent ?? "");
});

/** The list's own element that is on the screen. @param {import("playwright-core").Page} page */
export const list = (page) => page.locator(".list-host:not([hidden]) .list");

/** @param {import("playwright-core").Page} page */
export async function ready(page) {
  await page.waitForSelector(".list-host:not([hidden]) .row", { state: "attached" });
  await page.waitForSelector(".app[aria-busy=false]");
}

/** @param {import("playwright-core").Page} page @param {number} top */
export const scrollTo = (page, top) => page.evaluate((y) => {
  const element = [...document.querySelectorAll(".list")].find((one) => one.clientHeight > 0);
  element?.dispatchEvent(new WheelEvent("wheel"));
  if (element) element.scrollTop = y;
}, top);

/** How long a fixed piece of work takes where nothing else runs. */
const WORK_MS = 12;

/**
 * How many times slower than an idle machine this one is just now: what a gate in milliseconds is to be multiplied by.
 * @param {import("playwright-core").Page} page
 */
export async function slowness(page) {
  const ms = await page.evaluate(() => {
    const times = [];
    for (let round = 0; round < 7; round += 1) {
      const from = performance.now();
      const words = new Map();
      for (let i = 0; i < 40_000; i += 1) words.set(`word ${(i * 7919) % 5003}`, (words.get(`word ${i % 5003}`) ?? 0) + 1);
      times.push(performance.now() - from);
    }
    return times.sort((a, b) => a - b)[3] ?? 0;
  });
  return Math.max(1, ms / WORK_MS);
}

/** Two frames: what is on the screen then is what people see. @param {import("playwright-core").Page} page */
export const frames = (page) => page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));
