// The browser's own EventSource against a real server that is stopped and started again: it comes back by itself, with every record
// once and in order.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { done, launch, newPage } from "../lib/browser.js";
import { Server, TOKEN } from "../lib/server.js";

const RESTARTS = 2;

describe("stream", { timeout: 120_000 }, () => {
  const server = new Server(50);
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

  /** @param {number} count */
  const write = (count) => server.write(...Array.from({ length: count }, () => `line ${(n += 1)}`));

  test("EventSource continues after a restart without a gap", async () => {
    const page = await newPage(browser);
    await page.goto(server.page());
    // EventSource sends no header, and the page's session is no cookie: a client of its own brings the token in the address
    await page.evaluate((token) => {
      const heard = { /** @type {string[]} */ messages: [], /** @type {string[]} */ ids: [], opened: 0, ended: 0, gaps: 0 };
      Object.assign(window, { heard });
      const events = new EventSource(`logs/tail?source=file:live&token=${token}`);
      events.addEventListener("open", () => { heard.opened += 1; });
      events.addEventListener("message", (event) => {
        heard.messages.push(JSON.parse(event.data).message);
        heard.ids.push(event.lastEventId);
      });
      events.addEventListener("end", () => { heard.ended += 1; });
      events.addEventListener("gap", () => { heard.gaps += 1; });
    }, TOKEN);
    const heard = () => page.evaluate(() => /** @type {any} */ (window).heard);
    /** @param {number} times */
    const opened = (times) => page.waitForFunction((wanted) => /** @type {any} */ (window).heard.opened >= wanted, times);
    const all = () => page.waitForFunction((wanted) => /** @type {any} */ (window).heard.messages.length >= wanted, n);

    await opened(1);
    write(100);
    await all();
    for (let time = 1; time <= RESTARTS; time += 1) {
      write(50);
      await server.stop();
      write(100);
      await server.start();
      await opened(1 + time);
      write(100);
      await all();
    }
    const { messages, ids, ended, gaps } = await heard();
    assert.deepEqual(messages, Array.from({ length: n }, (_, index) => `line ${index + 1}`));
    const numbers = ids.map(Number);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
    assert.equal(new Set(ids).size, ids.length, "none twice");
    assert.deepEqual([ended, gaps], [RESTARTS, 0], "each stop was said, nothing was left out");
    await page.close();
    await done(page);
  });
});
