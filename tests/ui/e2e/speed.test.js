// Speed against a real server with 120,000 records. Ratios within one run are the claims; absolute times are the best of
// three and wide. UI_SPEED_ROWS sets another number of records, UI_SPEED_FRAMES_S and UI_SPEED_FLOOD_S other lengths of the floods in seconds.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, frames, launch, list, newPage, ready, scrollTo, slowness } from "../lib/browser.js";
import { Server } from "../lib/server.js";

const ROWS = Number(process.env.UI_SPEED_ROWS ?? 120_000);
const MB = 1024 * 1024;
const TRIES = 3;

describe("speed", { timeout: 600_000 }, () => {
  const server = new Server(ROWS);
  /** @type {import("playwright-core").Browser} */
  let browser;

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

  /** @param {import("playwright-core").BrowserContextOptions} [options] @param {string} [query] */
  async function open(options = {}, query = "") {
    const page = await newPage(browser, options);
    await page.goto(server.page(query));
    await ready(page);
    return page;
  }

  /** @param {import("playwright-core").Page} page */
  async function heap(page) {
    const session = await page.context().newCDPSession(page);
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = /** @type {any} */ (await session.send("Runtime.getHeapUsage"));
    await session.detach();
    return usedSize / MB;
  }

  /** When the first row was there, as the page's own clock says. @param {import("playwright-core").Page} page @param {string} query */
  async function firstRow(page, query) {
    await page.goto("about:blank");
    await page.goto(server.address + query, { waitUntil: "commit" });
    return page.waitForFunction(() => document.querySelector(".list .row") && performance.now(), null, { polling: "raf" }).then((handle) => handle.jsonValue());
  }

  const elements = (/** @type {import("playwright-core").Page} */ page) => page.evaluate(() => document.querySelectorAll("*").length);

  /**
   * The same on average over the last pixels of the list: few high rows fit on a screen.
   * @param {import("playwright-core").Page} page @param {number} last
   */
  async function meanElements(page, last) {
    const height = await list(page).evaluate((one) => one.scrollHeight);
    let sum = 0;
    for (let place = 1; place <= 12; place += 1) {
      await scrollTo(page, height - (last * place) / 13);
      await frames(page);
      sum += await elements(page);
    }
    return Math.round(sum / 12);
  }

  /** Loads older pages until the list has a number of rows. @param {import("playwright-core").Page} page @param {number} rows */
  async function loadRows(page, rows) {
    for (let i = 0; i < 2000; i += 1) {
      const count = Number(await list(page).getAttribute("aria-rowcount"));
      if (count >= rows) return count;
      await scrollTo(page, 0);
      await page.waitForFunction((before) => Number(document.querySelector(".list")?.getAttribute("aria-rowcount")) > before, count);
    }
    throw new Error("the list does not grow");
  }

  /** Times between frames while something moves the list. @param {import("playwright-core").Page} page @param {number} ms @param {"wheel" | "sweep"} how */
  const frameTimes = (page, ms, how) => page.evaluate(({ duration, kind }) => new Promise((resolve) => {
    const element = /** @type {HTMLElement} */ ([...document.querySelectorAll(".list")].find((one) => one.clientHeight > 0));
    /** @type {number[]} */
    const times = [];
    const from = performance.now();
    const height = element.scrollHeight;
    let last = from;
    const step = (/** @type {number} */ now) => {
      times.push(now - last);
      last = now;
      const at = (now - from) / duration;
      // three screens a frame, to and fro: every row is drawn anew, in a short list as in a long one
      if (kind === "sweep") element.scrollTop = 1000 + Math.abs(((times.length * 3 * element.clientHeight) % (2 * (height - 2000))) - (height - 2000));
      else element.scrollTop += Math.floor(at * 8) % 2 ? -60 : 60;
      if (at < 1) requestAnimationFrame(step);
      else resolve(times.slice(2).sort((a, b) => a - b));
    };
    requestAnimationFrame(step);
  }), { duration: ms, kind: how });

  /**
   * The 95th percentile of the times between frames, and what a frame costs the page's thread in time of a processor, which
   * does not count what else the machine does; the best of three.
   * @param {import("playwright-core").Page} page @param {number} ms @param {"wheel" | "sweep"} how
   */
  async function smoothness(page, ms, how) {
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    const spent = async () => (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
    let [p95, cost] = [Infinity, Infinity];
    for (let i = 0; i < TRIES; i += 1) {
      const before = await spent();
      const times = /** @type {number[]} */ (await frameTimes(page, ms, how));
      cost = Math.min(cost, ((await spent()) - before) * 1000 / times.length);
      p95 = Math.min(p95, quantile(times, 0.95));
    }
    await session.detach();
    return { p95, cost, text: `p95 ${p95.toFixed(1)} ms (${cost.toFixed(1)} ms of work a frame)` };
  }

  /** @param {number[]} sorted @param {number} q */
  const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

  test("the first row is soon there", async () => {
    // ten records or all of them: the same wait
    let [few, all, slow] = [Infinity, Infinity, 1];
    for (let i = 0; i < TRIES; i += 1) {
      const page = await newPage(browser);
      await page.goto(server.page("level=error"));
      await ready(page);
      slow = Math.max(slow, await slowness(page));
      few = Math.min(few, await firstRow(page, "?search=psycopg2"));
      all = Math.min(all, await firstRow(page, ""));
      await done(page);
    }
    console.log(`first row after ${Math.round(few)} ms of a few, ${Math.round(all)} ms of all; the machine is ${slow.toFixed(1)} times slower than idle`);
    assert.ok(all < 500 * slow, `${all} ms`);
    assert.ok(all < 2 * few + 100, `${few} ms, then ${all} ms`);
  });

  test("a slow link shows the first row in few round trips", async () => {
    const [latency, mbit] = [150, 1.6];
    /** @type {{ms: number, requests: number, slow: number}[]} */
    const tries = [];
    for (let i = 0; i < TRIES; i += 1) {
      const page = await newPage(browser);
      await page.goto(server.page());
      await ready(page);
      const slow = await slowness(page);
      const session = await page.context().newCDPSession(page);
      await page.goto("about:blank");
      await session.send("Network.enable");
      await session.send("Network.clearBrowserCache");
      await session.send("Network.emulateNetworkConditions", { offline: false, latency, downloadThroughput: (mbit * 1e6) / 8, uploadThroughput: 1e5 });
      const ms = await firstRow(page, "");
      const requests = await page.evaluate((end) => performance.getEntriesByType("resource").filter((one) => one.startTime < end && !one.name.endsWith(".svg")).length + 1, ms);
      tries.push({ ms, requests, slow });
      await done(page);
    }
    const best = tries.reduce((a, b) => (a.ms < b.ms ? a : b));
    console.log(`first row after ${Math.round(best.ms)} ms and ${best.requests} requests at ${latency} ms and ${mbit} Mbit/s; the machine is ${best.slow.toFixed(1)} times slower than idle`);
    assert.ok(best.requests <= 8, `${best.requests} requests`);
    // 1,200 ms on an idle machine; the link takes 0.7 s of it, whatever the machine does
    assert.ok(best.ms < 700 + 500 * best.slow, `${best.ms} ms`);
  });

  test("100,000 rows have the elements of 1,000, a bounded heap, and scroll smoothly", async () => {
    const page = await open();
    await loadRows(page, 1_000);
    await frames(page);
    const height = await list(page).evaluate((one) => one.scrollHeight);
    const [few, heapFew] = [await meanElements(page, height), await heap(page)];
    await list(page).evaluate((one) => { one.scrollTop = one.scrollHeight / 2; });
    const [wheelFew, sweepFew] = [await smoothness(page, 900, "wheel"), await smoothness(page, 900, "sweep")];
    const loaded = await loadRows(page, Math.min(49_000, ROWS * 0.8));
    const many = await meanElements(page, height);
    // on to the oldest record, page by page: what is far away is let go
    for (let i = 0; i < 400; i += 1) {
      if ((await page.locator(".edge").first().textContent()) === "Start of log") break;
      await scrollTo(page, 0);
      await frames(page);
    }
    assert.equal(await page.locator(".edge").first().textContent(), "Start of log");
    const heapMany = await heap(page);
    const [wheel, sweep] = [await smoothness(page, 900, "wheel"), await smoothness(page, 900, "sweep")];
    console.log(`${loaded} rows kept: elements ${few} -> ${many}, heap ${heapFew.toFixed(1)} -> ${heapMany.toFixed(1)} MB, wheel ${wheelFew.text} -> ${wheel.text}, sweep ${sweepFew.text} -> ${sweep.text}`);
    const slow = await slowness(page);
    assert.ok(Math.abs(many - few) <= few * 0.1, `${few} elements, then ${many}`);
    assert.ok(many < 1500);
    assert.ok(heapMany < 80, `${heapMany} MB`);
    for (const [name, before, now] of /** @type {const} */ ([["wheel", wheelFew, wheel], ["sweep", sweepFew, sweep]])) {
      assert.ok(now.cost < 1.5 * before.cost, `${name}: many rows cost no more than few: ${before.text}, then ${now.text}`);
      // three processes draw a frame; on a machine that has other work they wait for each other
      assert.ok(now.p95 < Math.max(34 * slow, 1.5 * before.p95), `${name}: ${before.text}, then ${now.text}; ${slow} times slower than idle`);
    }
    await done(page);
  });

  test("two frames after a jump nothing is blank, and every height is the computed one", async () => {
    const page = await open();
    await loadRows(page, 10_000);
    const height = await list(page).evaluate((one) => one.scrollHeight);
    for (let i = 1; i <= 40; i += 1) {
      await scrollTo(page, Math.floor((height * ((i * 37) % 41)) / 41));
      await frames(page);
      const blank = await page.evaluate(() => {
        const box = /** @type {HTMLElement} */ ([...document.querySelectorAll(".list")].find((one) => one.clientHeight > 0)).getBoundingClientRect();
        const wrong = [];
        for (let y = box.top + 50; y < box.bottom - 60; y += 40) {
          const hit = document.elementFromPoint(box.left + 60, y);
          if (!hit?.closest(".item, .edge")) wrong.push(y);
        }
        return wrong;
      });
      assert.deepEqual(blank, [], `jump ${i}`);
      const off = await page.evaluate(() => {
        const items = [...document.querySelectorAll(".list-host:not([hidden]) .item")]
          .map((one) => ({ y: parseFloat(/** @type {HTMLElement} */ (one).style.transform.slice(11)), h: /** @type {HTMLElement} */ (one).offsetHeight, text: one.textContent?.slice(0, 80) }))
          .sort((a, b) => a.y - b.y);
        return items.filter((one, at) => at + 1 < items.length && Math.abs((items[at + 1]?.y ?? 0) - one.y - one.h) > 0.5);
      });
      assert.deepEqual(off, [], `jump ${i}`);
    }
    await done(page);
  });

  test("a phone four times slower scrolls", async () => {
    const page = await open({ viewport: { width: 375, height: 812 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
    await loadRows(page, 5_000);
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    const slow = await slowness(page);
    const best = await smoothness(page, 900, "wheel");
    console.log(`phone ${best.text}; slower than idle without the throttle: ${(slow / 4).toFixed(1)} times`);
    assert.ok(best.p95 < 50 * Math.max(1, slow / 4), best.text);
    await done(page);
  });

  test("Live at 2,000 lines a second paints no frame without rows, in either order", { timeout: 240_000 }, async () => {
    const [seconds, rate] = [Number(process.env.UI_SPEED_FRAMES_S ?? 10), 2000];
    const page = await newPage(browser);
    await page.goto(server.page("view=live&source=file:live"));
    await page.waitForSelector(".live-bar.open");
    let n = 0;
    const flood = async (/** @type {number} */ duration) => {
      const from = Date.now();
      for (let sent = 0; Date.now() - from < duration;) {
        const due = Math.min(500, Math.floor(((Date.now() - from) / 1000) * rate) - sent);
        if (due > 0) server.write(...Array.from({ length: due }, () => `frames ${(n += 1)} ${"some words of a line ".repeat(n % 9)}`));
        sent += Math.max(0, due);
        await new Promise((resolve) => { setTimeout(resolve, 25); });
      }
    };
    await flood(1000);
    await page.waitForFunction(() => document.querySelectorAll(".list-host:not([hidden]) .row").length > 10);
    for (const order of ["newest at the end", "newest at the top"]) {
      if (order === "newest at the top") {
        await page.keyboard.press("o");
        await page.locator(".list.newest-first").first().waitFor({ state: "attached" });
      }
      const counting = page.evaluate((duration) => new Promise((resolve) => {
        const list = /** @type {HTMLElement} */ ([...document.querySelectorAll(".list")].find((one) => one.clientHeight > 0));
        const seen = { frames: 0, empty: 0 };
        const end = performance.now() + duration;
        const painted = new MessageChannel();
        painted.port1.onmessage = () => {
          const box = list.getBoundingClientRect();
          seen.frames += 1;
          const hits = [0.25, 0.5, 0.75].map((part) => document.elementFromPoint(box.left + 60, box.top + box.height * part));
          if (hits.some((hit) => !hit?.closest(".item"))) seen.empty += 1;
          if (performance.now() > end) resolve(seen);
        };
        // a message that is sent in a frame arrives after the frame was painted; the list changes in frames only
        const step = () => {
          painted.port2.postMessage(0);
          if (performance.now() < end + 100) requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
      }), seconds * 500);
      await flood(seconds * 500);
      const seen = /** @type {{frames: number, empty: number}} */ (await counting);
      console.log(`${seconds / 2} s of ${rate} lines a second, ${order}: ${seen.empty} of ${seen.frames} frames without rows`);
      assert.ok(seen.frames > seconds, `${seen.frames} frames`);
      assert.equal(seen.empty, 0, `${seen.empty} of ${seen.frames} frames`);
    }
    await done(page);
  });

  test("a flood in Live does not grow beyond its ring", { timeout: 180_000 }, async () => {
    // as many as 60 s of 2,000 a second, in a third of the time
    const [seconds, rate] = [Number(process.env.UI_SPEED_FLOOD_S ?? 20), 6000];
    const page = await open({}, "view=live&source=file:live&tail=0").catch(async () => {
      const opened = await newPage(browser);
      await opened.goto(server.page("view=live&source=file:live"));
      return opened;
    });
    await page.waitForSelector(".live-bar.open");
    let n = 0;
    const flood = async (/** @type {number} */ duration) => {
      const from = Date.now();
      while (Date.now() - from < duration) {
        const due = Math.min(1000, Math.floor(((Date.now() - from) / 1000) * rate) - (n - flood.start));
        if (due > 0) server.write(...Array.from({ length: due }, () => `flood ${(n += 1)} ${"some words of a line ".repeat(4)}`));
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
    };
    flood.start = 0;
    await flood(3_000);
    await page.waitForFunction((last) => [...document.querySelectorAll(".row .text")].some((one) => one.textContent?.startsWith(`flood ${last} `)), n);
    const [elementsBefore, heapBefore] = [await elements(page), await heap(page)];
    flood.start = n;
    await flood(seconds * 1000);
    await page.waitForFunction((last) => [...document.querySelectorAll(".row .text")].some((one) => one.textContent?.startsWith(`flood ${last} `)), n);
    const [elementsAfter, heapAfter] = [await elements(page), await heap(page)];
    const rows = Number(await list(page).getAttribute("aria-rowcount"));
    console.log(`${n} records in Live: ${rows} rows kept, elements ${elementsBefore} -> ${elementsAfter}, heap ${heapBefore.toFixed(1)} -> ${heapAfter.toFixed(1)} MB`);
    assert.ok(rows <= 10_300, `${rows} rows`);
    assert.ok(heapAfter - heapBefore < 5, `${heapBefore} -> ${heapAfter} MB`);
    assert.ok(Math.abs(elementsAfter - elementsBefore) <= elementsBefore * 0.1);
    await done(page);
  });
});
