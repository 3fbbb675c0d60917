// For everybody: axe in every state of the page, the keyboard, small screens.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, frames, launch, newPage, ready } from "../lib/browser.js";
import { Mock } from "../lib/mock.js";
import { records } from "../lib/data.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe("access", { timeout: 600_000 }, () => {
  const mock = new Mock(records(3000));
  let base = "";
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    base = await mock.listen();
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await mock.close();
  });

  afterEach(() => closeAll(browser));

  /** @param {number} fromEnd */
  const id = (fromEnd) => mock.rows[mock.rows.length - fromEnd].id;

  /** @param {import("playwright-core").Page} page @param {string} where */
  async function check(page, where) {
    // the policy forbids scripts of others; the debugger's are not bound by it
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      // @ts-ignore axe is what was just put there
      const { violations } = await axe.run(document, { resultTypes: ["violations"] });
      return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes.slice(0, 4).map((/** @type {any} */ node) =>
        `${node.target.join(" ")} (${node.any[0]?.message ?? node.failureSummary})`).join("; ")}`);
    });
    assert.deepEqual(found, [], where);
  }

  const PHONE = { viewport: { width: 375, height: 812 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    for (const [size, options] of /** @type {[string, object][]} */ ([["wide", {}], ["phone", PHONE]])) {
      test(`axe finds nothing: ${colorScheme}, ${size}`, async () => {
        const page = await newPage(browser, { colorScheme, ...options });
        await page.goto(`${base}?at=${id(70)}`);
        await ready(page);
        await page.waitForSelector(".bars", { state: "attached" });
        await check(page, "browse");
        await page.goto(`${base}?at=${id(70)}&record=${id(73)}`);
        await page.waitForSelector(".detail");
        await check(page, "record");
        await page.goto(`${base}?context=${id(70)}&at=${id(70)}`);
        await page.waitForSelector(".banner.context");
        await check(page, "context");
        await page.goto(`${base}?search=refused&source=docker:`);
        await page.waitForSelector("mark");
        await check(page, "search");
        await page.goto(`${base}?search=nothing-like-it`);
        await page.waitForSelector(".notice");
        await check(page, "empty");
        await page.goto(`${base}?view=live`);
        await page.waitForSelector(".live-bar.open");
        await page.waitForSelector(".row");
        await check(page, "live");
        for (const [key, name] of /** @type {const} */ ([["?", "help"], ["x", "export"]])) {
          await page.keyboard.press(key);
          await page.waitForSelector("dialog[open]");
          await check(page, name);
          await page.keyboard.press("Escape");
          await page.waitForSelector("dialog", { state: "detached" });
        }
        await done(page);
      });
    }
  }

  for (const options of [{}, PHONE]) {
    test("somebody without a session is asked for a token", async () => {
      const page = await newPage(browser, options);
      mock.fault = (path) => ({ status: 401, body: { error: "unauthorized", message: `authentication required for ${path}` } });
      await page.goto(`${base}?token=not-the-one`);
      await page.getByText("did not accept this token").waitFor();
      assert.equal(new URL(page.url()).search, "", "the token leaves the address");
      await check(page, "sign in");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth + 1);
      assert.equal(wide, false);
      mock.fault = null;
      await page.reload();
      await ready(page);
      await done(page);
    });
  }

  test("at 375 px nothing goes sideways and everything can be hit", async () => {
    for (const query of ["", `?at=${id(70)}&record=${id(73)}`, "?view=live", "?search=nothing-like-it", `?context=${id(70)}&at=${id(70)}`]) {
      const page = await newPage(browser, PHONE);
      await page.goto(base + query);
      await page.waitForSelector(".row, .notice");
      await frames(page);
      await frames(page);
      const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll(".list, .detail-body, .main")]
        .filter((one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1).map((one) => one.className || one.tagName));
      assert.deepEqual(wide, [], query);
      const small = await page.evaluate(() => [...document.querySelectorAll("button, a[href], input")]
        .filter((one) => one.checkVisibility() && !one.closest(".canvas, .message"))
        .map((one) => [one, one.getBoundingClientRect()])
        .filter(([, box]) => /** @type {DOMRect} */ (box).width > 0 && /** @type {DOMRect} */ (box).bottom > 0
          && (/** @type {DOMRect} */ (box).height < 43.5 || /** @type {DOMRect} */ (box).width < 43.5))
        .map(([one]) => /** @type {Element} */ (one).outerHTML.slice(0, 120)));
      assert.deepEqual(small, [], query);
      const narrow = await page.evaluate(() => [...document.querySelectorAll(".leaf .value")]
        .filter((one) => one.checkVisibility() && one.clientWidth < 0.4 * document.documentElement.clientWidth).map((one) => one.textContent));
      assert.deepEqual(narrow, [], `values without room: ${query}`);
      await done(page);
    }
  });

  test("the sheet of filters narrows on a phone", async () => {
    const page = await newPage(browser, PHONE);
    await page.goto(base);
    await ready(page);
    await page.getByRole("button", { name: "Filters" }).tap();
    await page.waitForSelector("dialog[open]");
    await check(page, "filters");
    await page.locator("dialog .level-button.info").tap();
    await page.waitForURL(/levels=debug,warn,error/);
    await page.getByRole("button", { name: /^Show [\d,]+ records/ }).tap();
    await page.waitForFunction(() => document.querySelectorAll(".list-host:not([hidden]) .row.info").length === 0);
    await done(page);
  });

  test("with the keyboard alone: search, level, list, record, close", async () => {
    const page = await newPage(browser);
    await page.goto(base);
    await ready(page);
    /** @param {string} selector */
    const tabTo = async (selector) => {
      for (let i = 0; i < 60; i += 1) {
        await page.keyboard.press("Tab");
        if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
      }
      assert.fail(`the Tab key does not come to ${selector}`);
    };
    await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());
    await tabTo("#search");
    await page.keyboard.type("level:error");
    await page.keyboard.press("Enter");
    await page.waitForURL(/level=error/);
    await tabTo(".source-name");
    await tabTo(".level-button.error");
    await tabTo(".bars");
    await page.keyboard.press("+");
    await page.waitForURL(/start=/);
    await page.keyboard.press("-");
    await page.waitForURL((url) => !url.search.includes("start="));
    await page.waitForFunction((total) => document.querySelector(".status b")?.textContent === total, mock.rows.filter((row) => row.level === "error").length.toLocaleString("en-US"));
    await ready(page);
    await tabTo(".list");
    await page.keyboard.press("ArrowUp");
    await page.waitForSelector(".row.selected");
    assert.match((await page.locator(".list-host:not([hidden]) .list").getAttribute("aria-activedescendant")) ?? "", /^row-/);
    await tabTo(".detail button");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".detail", { state: "detached" });
    assert.ok(await page.evaluate(() => document.activeElement?.classList.contains("list")), "focus is back in the list");
    await done(page);
  });

  test("an error says what it is and what to press; a slow search shows itself", async () => {
    const page = await newPage(browser);
    await page.goto(base);
    await ready(page);
    mock.fault = (path) => (path === "/logs" ? { status: 503, body: { error: "store_unavailable", message: "the store could not be read" } } : null);
    await page.keyboard.press("r");
    await page.getByText("Can't read records right now").waitFor();
    mock.fault = null;
    await page.getByRole("button", { name: "Try again" }).click();
    await ready(page);
    mock.delayMs = 1500;
    await page.fill("#search", "heartbeat");
    await page.waitForSelector(".progress");
    assert.match(await page.locator(".progress").innerText(), /Searching/);
    await page.waitForSelector("mark.match");
    mock.delayMs = 0;
    await done(page);
  });

  test("a problem that happens while the page is open is listed first, and said where the list is not in view", async () => {
    const row = mock.rows[0];
    let n = mock.rows.length;
    const happened = (/** @type {string} */ subject) => {
      n += 1;
      return { kind: "unit_failed", title: `${subject} failed`, severity: "error", subject, source: row.source, count: 1, first: row.timestamp, last: row.timestamp,
        firstId: String(n), lastId: String(n), cause: null, context: [], boot: null };
    };
    mock.problems = Array.from({ length: 9 }, (_, at) => happened(`old${at}.service`));
    mock.boots = [{ index: 0, id: "1".repeat(32), first: row.timestamp, last: row.timestamp, firstId: "1", lastId: "9", records: 9, clean: null, problems: 9 }];
    const page = await newPage(browser);
    await page.clock.install();
    await page.goto(base);
    await page.getByText(/^9 problems since boot/).waitFor();
    mock.problems = [...mock.problems, happened("new.service")];
    await page.clock.fastForward(11_000);
    await page.getByText(/^10 problems since boot/).waitFor();
    assert.match(await page.locator(".problem").first().innerText(), /^[^]*New\s*new\.service failed/);
    await check(page, "a new problem");
    await page.getByRole("link", { name: "Runs" }).click();
    await page.waitForURL(/view=runs/);
    mock.problems = [...mock.problems, happened("other.service"), happened("third.service")];
    await page.clock.fastForward(11_000);
    await page.getByRole("link", { name: "Browse 2 new problems" }).waitFor();
    assert.equal(await page.locator(".offscreen[role=status]").innerText(), "2 new problems");
    await check(page, "new problems beyond the list");
    await page.evaluate(() => Object.defineProperty(document, "hidden", { get: () => true, configurable: true }));
    mock.problems = [...mock.problems, happened("fourth.service")];
    await page.clock.fastForward(61_000);
    await page.waitForFunction(() => document.title.startsWith("(1) "));
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { get: () => false, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    assert.doesNotMatch(await page.title(), /^\(/);
    await page.getByRole("link", { name: "Browse 3 new problems" }).click();
    await page.getByText(/^13 problems since boot/).waitFor();
    assert.equal(await page.getByRole("link", { name: /^Browse/ }).innerText(), "Browse", "seen");
    assert.equal(await page.locator(".problem em").count(), 4);
    await done(page);
    [mock.problems, mock.boots] = [null, null];
  });

  test("what went wrong since the start is the first thing to see, with its cause; then how the startup went", async () => {
    const end = mock.rows.find((row) => row.message.includes("postCreateCommand failed"));
    const cause = mock.rows.find((row) => row.message.includes("Traceback"));
    const first = mock.rows[0];
    const of = (/** @type {any} */ row) => ({ id: row.id, timestamp: row.timestamp, source: row.source, level: row.level, message: row.message });
    const problem = (/** @type {object} */ part) => ({ kind: "unit_failed", title: "nginx.service failed", severity: "error", subject: "nginx.service", source: cause.source, count: 3,
      first: cause.timestamp, last: cause.timestamp, firstId: cause.id, lastId: cause.id, cause: of(cause), context: [of(first)], boot: null, ...part });
    const run = { kind: "run_failed", title: "postCreateCommand failed", subject: end.metadata.run_id, source: end.source, count: 1, firstId: end.id, lastId: end.id, cause: of(end) };
    mock.problems = [problem({}), problem(run), ...Array.from({ length: 4 }, (_, at) => problem({ kind: "error_burst", severity: "warn", title: `many errors ${at}`, subject: `s${at}`, cause: null, context: [] }))];
    mock.boots = [0, -1].map((index) => ({ index, id: String(index + 1).repeat(32), first: first.timestamp, last: end.timestamp, firstId: first.id, lastId: end.id, records: 3000, clean: true, problems: 6 }));
    for (const options of [{}, PHONE]) {
      const page = await newPage(browser, options);
      await page.goto(base);
      await page.getByText(/^6 problems since boot/).waitFor();
      assert.equal(await page.locator(".problem").count(), options === PHONE ? 2 : 4, "the most important ones");
      await page.getByRole("button", { name: "Show all 6 problems" }).click();
      assert.equal(await page.locator(".problem").count(), 6);
      await page.getByRole("button", { name: "Show fewer" }).click();
      await page.locator(".problem-line", { hasText: "nginx.service failed" }).click();
      await page.locator(".problem-details .chosen").waitFor();
      await check(page, "problems");
      await page.getByRole("button", { name: "Open in the log" }).click();
      await page.waitForSelector(".banner.context");
      await page.waitForSelector(".row.selected");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");
      await page.locator(".problem-line", { hasText: "postCreateCommand failed" }).click();
      await page.locator(".problem-details").getByText("pg_config executable not found").waitFor();
      await page.getByRole("button", { name: "Open the run" }).click();
      await page.waitForURL(/view=runs.*run=/);
      await page.goBack();
      await page.getByText(/^Startup: 1 of 7 steps failed/).waitFor();
      await page.getByRole("button", { name: "Show the timeline" }).click();
      assert.deepEqual(await page.locator(".step > span:nth-child(2)").allInnerTexts(),
        ["init-local", "init-network", "modules-config", "vm-agent", "modules-final", "updateContentCommand", "postCreateCommand"]);
      await page.getByRole("button", { name: "Hide the problems" }).click();
      await page.reload();
      await page.getByText(/^6 problems since boot/).waitFor();
      assert.equal(await page.locator(".problem").count(), 0, "it stays folded");
      await done(page);
    }
    // zoom of 200 %: the records are what most of the window shows
    const zoomed = await newPage(browser, { viewport: { width: 680, height: 410 } });
    await zoomed.goto(base);
    await zoomed.getByText(/^6 problems since boot/).waitFor();
    await zoomed.waitForSelector(".row");
    assert.equal(await zoomed.locator(".problem").count(), 0);
    const listed = await zoomed.locator(".list-host:visible").boundingBox();
    assert.ok((listed?.height ?? 0) > 100, `${listed?.height} px of records`);
    await zoomed.getByRole("button", { name: "Show the problems" }).click();
    assert.equal(await zoomed.locator(".problem").count(), 2);
    await zoomed.getByText(/^Startup: 1 of 7 steps failed/).waitFor();
    await done(zoomed);
    mock.problems = [];
    const page = await newPage(browser);
    await page.goto(base);
    await page.getByText(/^No problems since boot/).waitFor();
    assert.ok((await page.locator(".home").evaluate((one) => one.clientHeight)) < 70, "two lines with the startup");
    await done(page);
    [mock.problems, mock.boots] = [null, null];
  });

  test("runs: listed by outcome, a failed one opens at its end among all sources", async () => {
    const end = mock.rows.find((row) => row.message.includes("postCreateCommand failed"));
    for (const options of [{}, PHONE]) {
      const page = await newPage(browser, options);
      await page.goto(`${base}?view=runs`);
      await page.waitForSelector(".run-line");
      assert.deepEqual(await page.locator(".run-line b").allInnerTexts(), ["postCreateCommand", "updateContentCommand"]);
      await check(page, "runs");
      await page.getByRole("button", { name: "Succeeded" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".run-line").length === 1);
      await page.getByRole("button", { name: "Failed" }).click();
      await page.locator(".run-line.failed").click();
      await page.waitForSelector(`#row-${end.id}.of-run`);
      assert.ok(await page.locator(".row:not(.of-run)").count() > 0, "lines of other sources");
      assert.ok(await page.evaluate((id) => {
        const row = /** @type {Element} */ (document.querySelector(id)).getBoundingClientRect();
        const list = /** @type {Element} */ (document.querySelector(".list-host:not([hidden])")).getBoundingClientRect();
        return row.top >= list.top && row.bottom <= list.bottom + 1;
      }, `#row-${end.id}`), "its last line is on the screen");
      await check(page, "run");
      await page.getByRole("button", { name: "This run" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".list-host:not([hidden]) .row").length > 0 && !document.querySelector(".list-host:not([hidden]) .of-run"));
      await page.reload();
      await ready(page);
      await page.getByRole("button", { name: "All runs" }).click();
      await page.waitForSelector(".run-line.failed");
      await done(page);
    }
  });

  test("a server without runs shows no tab for them; one without any says how to begin", async () => {
    const other = new Mock(records(300).filter((row) => !row.metadata.run_id));
    const address = await other.listen();
    const page = await newPage(browser);
    await page.goto(`${address}?view=runs`);
    await page.getByText("No commands captured yet").waitFor();
    await check(page, "no runs");
    other.runs = false;
    await page.goto(address);
    await page.waitForFunction(() => !document.querySelector(".tabs")?.textContent?.includes("Runs"));
    await done(page);
    await other.close();
  });

  test("a gap in the stream is seen, and loaded when asked for", async () => {
    const page = await newPage(browser);
    await page.goto(`${base}?view=live`);
    await page.waitForSelector(".live-bar.open");
    const last = Number(mock.rows.at(-1).id);
    const next = Array.from({ length: 6 }, (_, i) => ({ ...mock.rows[0], id: String(last + 1 + i), message: `gap line ${i}`, timestamp: new Date().toISOString() }));
    const [first, ...rest] = next;
    mock.push(first);
    const after = rest.pop();
    mock.rows.push(...rest);
    const [tail] = mock.tails;
    tail?.raw(`event: gap\ndata: ${JSON.stringify({ from: String(last + 2), to: String(last + 5), count: 4 })}\n\n`);
    mock.push(after);
    await page.getByText("4 records did not reach this page").waitFor();
    await page.getByRole("button", { name: "Load" }).click();
    await page.getByText("gap line 3").waitFor();
    assert.equal(await page.locator(".lost").count(), 0);
    const texts = await page.locator(".row .text").allInnerTexts();
    assert.deepEqual(texts.filter((text) => text.startsWith("gap line")).sort(), next.map((row) => row.message).sort());
    await done(page);
  });
});
