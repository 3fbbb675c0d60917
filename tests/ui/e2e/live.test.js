// Live against a real server that is written to, stopped and started again.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, frames, launch, list, newPage, ready, scrollTo, visibleTexts } from "../lib/browser.js";
import { Server } from "../lib/server.js";

const LIVE = "view=live&source=file:live";

describe("live", { timeout: 240_000 }, () => {
  const server = new Server(500, { LOG_TAIL_MAX_CONNECTIONS: "2" });
  /** @type {import("playwright-core").Browser} */
  let browser;
  let n = 0;

  before(async () => {
    await server.start();
    await server.filled();
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await server.remove();
  });

  afterEach(() => closeAll(browser));

  /** @param {number} count */
  function write(count) {
    server.write(...Array.from({ length: count }, () => `line ${(n += 1)}`));
  }

  /** @param {import("playwright-core").Page} page @param {string} text */
  const seen = (page, text) => page.waitForFunction((wanted) => [...document.querySelectorAll(".list-host:not([hidden]) .row .text")]
    .some((one) => one.textContent === wanted), text);

  /** Numbers of the lines that the list holds, from every row it ever shows. @param {import("playwright-core").Page} page */
  async function allLines(page) {
    const height = await list(page).evaluate((one) => one.scrollHeight);
    /** @type {Map<string, string>} */
    const rows = new Map();
    for (let y = 0; y <= height; y += 500) {
      await scrollTo(page, y);
      await frames(page);
      const part = await page.evaluate(() => [...document.querySelectorAll(".list-host:not([hidden]) .row")]
        .map((row) => [row.id, row.querySelector(".text")?.textContent ?? ""]));
      for (const [id, text] of part) rows.set(id ?? "", text ?? "");
    }
    return [...rows].sort(([a], [b]) => Number(a.slice(4)) - Number(b.slice(4))).map(([, text]) => Number(text.replace("line ", "")));
  }

  async function open() {
    const page = await newPage(browser);
    await page.goto(server.page(LIVE));
    await page.waitForSelector(".live-bar.open");
    return page;
  }

  test("a new line is on the page within a second", async () => {
    const page = await open();
    // the best of a few: what a busy machine adds is not the page's
    let best = Infinity;
    for (let i = 0; i < 5; i += 1) {
      const from = Date.now();
      write(1);
      await seen(page, `line ${n}`);
      best = Math.min(best, Date.now() - from);
    }
    assert.ok(best < 1000, `${best} ms`);
    await done(page);
  });

  test("errors that come while the page is hidden stand in its title", async () => {
    const page = await open();
    /** @param {boolean} hidden */
    const hide = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
    await hide(true);
    server.write("ERROR: first", "INFO: between", "ERROR: second");
    await page.waitForFunction(() => document.title === "(2) vmlog");
    await hide(false);
    assert.equal(await page.title(), "vmlog");
    await done(page);
  });

  test("scrolling up pauses and counts; jumping shows the newest", async () => {
    const page = await open();
    write(300);
    await seen(page, `line ${n}`);
    await scrollTo(page, 100);
    await page.waitForSelector(".live-bar.paused");
    const before = await visibleTexts(page);
    write(123);
    await page.getByText(": 123 new").waitFor();
    assert.deepEqual(await visibleTexts(page), before, "what is read does not move");
    await page.locator(".pill").click();
    await seen(page, `line ${n}`);
    await page.waitForSelector(".live-bar.open");
    write(1);
    await seen(page, `line ${n}`);
    await done(page);
  });

  test("selecting text and opening a record pause too", async () => {
    const page = await open();
    write(5);
    await seen(page, `line ${n}`);
    await page.locator(".list-host:not([hidden]) .row .text").last().dblclick();
    await page.waitForSelector(".live-bar.paused");
    await page.getByRole("button", { name: "Resume" }).click();
    await page.evaluate(() => getSelection()?.removeAllRanges());
    await page.waitForSelector(".live-bar.open");
    await page.locator(".list-host:not([hidden]) .row .time").last().click();
    await page.waitForSelector(".detail");
    await page.waitForSelector(".live-bar.paused");
    await done(page);
  });

  test("a click opens the record that was pressed, though the rows move before the release", async () => {
    const page = await open();
    write(60);
    await seen(page, `line ${n}`);
    const pressed = n;
    const box = await page.locator(".list-host:not([hidden]) .row .time").last().boundingBox();
    if (!box) throw new Error("the last row is not drawn");
    await page.mouse.move(box.x + 5, box.y + 5);
    await page.mouse.down();
    write(10);
    await seen(page, `line ${n}`);
    await page.mouse.up();
    await page.waitForSelector(".detail");
    assert.match(await page.locator(".detail .message").innerText(), new RegExp(`line ${pressed}\\b`));
    await done(page);
  });

  test("a restart of the server costs nothing", async () => {
    const page = await open();
    const first = n + 1;
    write(50);
    await seen(page, `line ${n}`);
    await server.stop();
    await page.getByText(/Reconnecting in/).waitFor();
    write(700);
    await server.start();
    await seen(page, `line ${n}`);
    write(50);
    await seen(page, `line ${n}`);
    const lines = (await allLines(page)).filter((line) => line >= first);
    assert.deepEqual(lines, Array.from({ length: n - first + 1 }, (_, i) => first + i), "every line once, in order");
    await done(page);
  });

  test("without a free connection the page asks again and again, and misses nothing", async () => {
    const pages = [await open(), await open()];
    const third = await newPage(browser);
    await third.goto(server.page(LIVE));
    await third.getByText(/All live connections are in use/).waitFor();
    await third.waitForSelector(".live-bar.open");
    write(7);
    await seen(third, `line ${n}`);
    write(600);
    await seen(third, `line ${n}`);
    const lines = (await allLines(third)).slice(-600);
    assert.deepEqual(lines, Array.from({ length: 600 }, (_, i) => n - 599 + i));
    await Promise.all([...pages, third].map((page) => done(page)));
  });

  test("the filter of Browse is that of Live", async () => {
    const page = await newPage(browser);
    await page.goto(server.page("source=file:live"));
    await ready(page);
    await page.getByRole("link", { name: "Live" }).click();
    await page.waitForSelector(".live-bar.open");
    await page.fill("#search", "special");
    await page.waitForURL(/q=special/);
    await page.waitForSelector(".live-bar.open");
    await page.getByText("Waiting for records").waitFor();
    write(3);
    server.write("a special line");
    await seen(page, "a special line");
    assert.deepEqual(await visibleTexts(page), ["a special line"]);
    await done(page);
  });
});
