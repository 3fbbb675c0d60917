// Fields as columns of the list.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, frames, launch, list, newPage, ready } from "../lib/browser.js";
import { Mock } from "../lib/mock.js";
import { record } from "../lib/data.js";

const ROWS = 900;

describe("columns", { timeout: 120_000 }, () => {
  const mock = new Mock(Array.from({ length: ROWS }, (_, at) => {
    const made = record(at + 1, Date.now() - (ROWS - at) * 1000, "docker:api", "info", `request ${at + 1} of a client that asks for a page of the log`);
    return at % 3 === 0 ? made : { ...made, metadata: { ...made.metadata, status: at % 2 ? 200 : 503, req: { url: `/items/${at}?page=${"x".repeat(at % 40)}` } } };
  }));
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

  /** @param {string} query @param {import("playwright-core").BrowserContextOptions} [options] */
  async function open(query, options = {}) {
    const page = await newPage(browser, options);
    await page.goto(base + query);
    await ready(page);
    await frames(page);
    return page;
  }

  /** Names of the columns, in their order. @param {import("playwright-core").Page} page */
  const names = (page) => page.locator(".list-host:not([hidden]) .column-name span").allInnerTexts();

  test("a field of a record becomes a column, which the link keeps, and is taken away at its head", async () => {
    const page = await open(`?record=${ROWS - 1}&at=${ROWS - 1}`);
    const leaf = page.locator(".leaf", { has: page.locator(".key", { hasText: /^status$/ }) });
    await leaf.hover();
    await leaf.getByRole("button", { name: "Show status as column" }).click();
    await page.waitForURL(/columns=status/);
    await page.getByRole("button", { name: "Close record" }).click();
    const cell = page.locator(`#row-${ROWS - 1} .column`);
    assert.equal(await cell.innerText(), "503");
    assert.match(await cell.getAttribute("class") ?? "", /bad/);
    assert.doesNotMatch(await page.locator(`#row-${ROWS - 1} .text`).innerText(), /status=/, "it is not said twice");
    await page.reload();
    await ready(page);
    await frames(page);
    assert.deepEqual(await names(page), ["status"]);
    await page.getByRole("button", { name: "Remove column status" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => !location.search.includes("columns"));
    await page.waitForFunction(() => document.querySelectorAll(".row .column").length === 0);
    assert.match(await page.locator(`#row-${ROWS - 1} .text`).innerText(), /status=503/);
    await done(page);
  });

  test("the fields and the display options choose columns, too", async () => {
    const page = await open("");
    await page.getByRole("button", { name: "Fields", exact: true }).click();
    await page.getByRole("button", { name: "Show status as column" }).click();
    await page.getByRole("button", { name: "Records" }).click();
    await page.getByRole("button", { name: "Display options" }).click();
    await page.getByRole("combobox", { name: "Field to show as a column" }).fill("req.url");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Close" }).click();
    await page.waitForURL(/columns=status,req\.url/);
    await frames(page);
    assert.deepEqual(await names(page), ["status", "req.url"]);
    const lefts = async (/** @type {string} */ selector) => Math.round(await page.locator(selector).first().evaluate((one) => one.getBoundingClientRect().left));
    assert.equal(await lefts(".list-head .column-name:nth-of-type(5)"), await lefts(`#row-${ROWS - 1} .column:nth-of-type(4)`), "heads are above their values");
    await done(page);
  });

  test("every height is right with columns, in both orders; a phone shows fields in the text", async () => {
    const page = await open("?columns=status,req.url", { viewport: { width: 900, height: 700 } });
    for (let i = 0; i < 12; i += 1) {
      if (i === 6) await page.keyboard.press("o");
      await list(page).evaluate((one, step) => { one.scrollTop += step; }, i < 6 ? -900 : 900);
      await frames(page);
      const off = await page.evaluate(() => {
        const items = [...document.querySelectorAll(".list-host:not([hidden]) .item")]
          .map((one) => ({ y: parseFloat(/** @type {HTMLElement} */ (one).style.transform.slice(11)), h: /** @type {HTMLElement} */ (one).offsetHeight }))
          .sort((a, b) => a.y - b.y);
        return items.filter((one, at) => at + 1 < items.length && Math.abs((items[at + 1]?.y ?? 0) - one.y - one.h) > 0.5);
      });
      assert.deepEqual(off, [], `scroll ${i}`);
    }
    await page.setViewportSize({ width: 375, height: 700 });
    await page.waitForFunction(() => document.querySelectorAll(".row .column").length === 0);
    assert.ok(await page.locator(".list-head").first().isHidden());
    assert.match((await page.locator(".list-host:not([hidden]) .row .text").allInnerTexts()).join(), /status=/);
    await done(page);
  });
});
