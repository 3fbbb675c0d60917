// The page's parts against a server in memory: rows that are chosen, the palette, find, the tree of fields, the histogram, and
// how text from logs looks.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, frames, launch, list, newPage, ready, scrollTo } from "../lib/browser.js";
import { Mock } from "../lib/mock.js";
import { record, records } from "../lib/data.js";

describe("parts", { timeout: 240_000 }, () => {
  const mock = new Mock(records(2000));
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
  const id = (fromEnd) => Number(mock.rows[mock.rows.length - fromEnd].id);

  /** @param {string} [query] @param {import("playwright-core").BrowserContextOptions} [options] */
  async function open(query = "", options = {}) {
    const page = await newPage(browser, options);
    await page.goto(base + query);
    await ready(page);
    return page;
  }

  /** @param {import("playwright-core").Page} page @param {number} n */
  const rowText = (page, n) => page.locator(`#row-${n} .text`);

  /** What the page last wrote to the clipboard. @param {import("playwright-core").Page} page */
  const copied = (page) => page.evaluate(() => navigator.clipboard.readText());

  /** Only what a test put there, at the end of everything. @param {[string, string, string, object?][]} rows */
  function append(rows) {
    const from = mock.rows.length;
    rows.forEach(([source, level, message, more], at) => {
      const made = record(from + at + 1, Date.now() - 5_000 + at, source, level, message);
      mock.rows.push({ ...made, metadata: { ...made.metadata, ...more } });
    });
    return { ids: rows.map((_, at) => from + at + 1), remove: () => mock.rows.splice(from) };
  }

  test("rows are chosen with Shift, by pointer and by key, and copied, saved and linked", async () => {
    const page = await open(`?at=${id(40)}&source=system:vm-agent`, { permissions: ["clipboard-read", "clipboard-write"] });
    const ids = await page.locator(".list-host:not([hidden]) .row").evaluateAll((rows) => rows.map((row) => Number(row.id.slice(4))).sort((a, b) => a - b));
    const [first = 0, , third = 0] = ids.slice(3);
    await rowText(page, first).click();
    await rowText(page, third).click({ modifiers: ["Shift"] });
    await page.waitForSelector(".selection");
    await page.keyboard.press("Shift+ArrowDown");
    await page.waitForFunction(() => /^\d+ lines/.test(document.querySelector(".selection")?.textContent ?? ""));
    const chosen = await page.locator(".row.ranged").count();
    assert.ok(chosen >= 4, `${chosen} rows are marked`);
    await page.keyboard.press("c");
    await page.getByText(/lines? copied/).waitFor();
    const text = await copied(page);
    const count = Number(/^\d+/.exec(await page.locator(".selection b").innerText())?.[0]);
    assert.equal(text.split("\n").filter((line) => /^\d{4}-.*system:vm-agent/.test(line)).length, count);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save", exact: true }).click()]);
    const path = await download.path();
    assert.equal(readFileSync(path, "utf8"), `${text}\n`);
    await page.locator(".selection").getByRole("button", { name: "Link" }).click();
    await page.getByText("Link copied").waitFor();
    const link = await copied(page);
    await page.keyboard.press("Escape");
    await page.waitForSelector(".selection", { state: "detached" });
    await page.goto(link);
    await page.waitForSelector(`#row-${first}.ranged`);
    assert.equal(await page.locator(".row.ranged").count(), chosen, "the link shows the same rows");
    await done(page);
  });

  test("all that is loaded can be chosen", async () => {
    const page = await open();
    await list(page).focus();
    await page.keyboard.press("Control+a");
    await page.waitForSelector(".selection");
    assert.ok(Number((await page.locator(".selection b").innerText()).replace(/\D/g, "")) >= 200);
    await page.getByRole("button", { name: "Clear selection" }).click();
    await page.waitForSelector(".selection", { state: "detached" });
    await done(page);
  });

  test("the palette does what is typed", async () => {
    const page = await open();
    await page.keyboard.press("Control+k");
    await page.waitForSelector(".palette");
    await page.keyboard.type("only postgres");
    await page.keyboard.press("Enter");
    await page.waitForURL(/source=docker:postgres/);
    await page.keyboard.press("Control+k");
    await page.waitForSelector(".palette");
    await page.keyboard.type("view");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/view=live/);
    await page.keyboard.press("Control+k");
    await page.waitForSelector(".palette");
    await page.keyboard.type("zzz");
    await page.getByText("No matching command").waitFor();
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await done(page);
  });

  test("find counts matches in loaded rows, and names the position", async () => {
    const page = await open();
    await page.keyboard.press("Control+f");
    await page.fill(".find input", "heartbeat ok");
    await page.waitForFunction(() => /^\d+ rows$/.test(document.querySelector(".find [role=status]")?.textContent ?? ""));
    const total = Number.parseInt(await page.locator(".find [role=status]").innerText(), 10);
    await page.keyboard.press("Shift+Enter");
    await page.waitForFunction((n) => document.querySelector(".find [role=status]")?.textContent === `${n} of ${n} rows`, total);
    await page.keyboard.press("Shift+Enter");
    await page.waitForFunction((n) => document.querySelector(".find [role=status]")?.textContent === `${n - 1} of ${n} rows`, total);
    await page.fill(".find input", "no such text");
    await page.getByText("no match in loaded rows").waitFor();
    await done(page);
  });

  test("fields are a tree: any value is filtered by, any part is copied", async () => {
    const { remove } = append([["docker:postgres", "info", "a container with a nested image"]]);
    const page = await open("", { permissions: ["clipboard-read", "clipboard-write"] });
    await page.locator(".row .text", { hasText: "nested image" }).click();
    await page.locator(".branch > .leaf-tools button").first().focus();
    await page.getByRole("button", { name: "Copy image as JSON" }).click();
    await page.getByText("image copied").waitFor();
    assert.deepEqual(JSON.parse(await copied(page)), { name: "app", tags: ["latest", "v2"] });
    await page.getByRole("button", { name: "Copy container_id" }).click();
    await page.getByText("container_id copied").waitFor();
    assert.equal(await copied(page), "3f9ac2d17b60");
    await page.getByRole("button", { name: "Markdown" }).click();
    await page.getByText("Markdown copied").waitFor();
    assert.match(await copied(page), /^```\n.*docker:postgres info a container with a nested image\n```\nhttp/);
    await page.locator(".detail").getByRole("button", { name: "curl" }).click();
    await page.getByText("curl command copied").waitFor();
    assert.match(await copied(page), /^curl -s http:.*\/logs\/\d+ -H/);
    await page.getByRole("button", { name: "JSON", exact: true }).click();
    await page.getByText("JSON copied").waitFor();
    assert.equal(JSON.parse(await copied(page)).message, "a container with a nested image");
    await page.getByRole("button", { name: "Only name app" }).click();
    await page.waitForURL(/q=image\.name:app/);
    await page.waitForSelector(".chips .chip-q");
    await page.getByRole("button", { name: "Hide 1 v2" }).click().catch(() => {});
    await done(page);
    remove();
  });

  test("a drag over the histogram zooms in, and can be undone; time is paged", async () => {
    const page = await open();
    await page.waitForSelector(".bars svg path");
    const box = await page.locator(".bars").boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + box.width * 0.6, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 20, { steps: 4 });
    await page.waitForSelector(".drag");
    await page.mouse.up();
    await page.waitForURL(/start=.*end=/);
    const zoomed = new URL(page.url()).searchParams;
    const length = Date.parse(zoomed.get("end") ?? "") - Date.parse(zoomed.get("start") ?? "");
    await ready(page);
    await page.keyboard.press("[");
    await page.waitForFunction((start) => new URLSearchParams(location.search).get("start") !== start, zoomed.get("start"));
    const earlier = new URL(page.url()).searchParams;
    assert.equal(earlier.get("end"), zoomed.get("start"));
    assert.equal(Date.parse(earlier.get("end") ?? "") - Date.parse(earlier.get("start") ?? ""), length);
    await page.keyboard.press("]");
    await page.waitForFunction((start) => new URLSearchParams(location.search).get("start") === start, zoomed.get("start"));
    await page.getByRole("button", { name: "Zoom out" }).click();
    await page.waitForURL((url) => !url.search.includes("start="));
    const words = await page.locator(".bars").getAttribute("aria-valuetext");
    assert.match(words ?? "", /^[\d,]+ records, of them [\d,]+ errors, from /);
    await done(page);
  });

  test("terminal colours of every kind, a return that overwrote, hidden characters, a secret with its rule", async () => {
    const { ids, remove } = append([
      ["docker:look", "info", "\u001b[31mred\u001b[0m \u001b[38;5;208morange\u001b[0m \u001b[38;2;10;200;30mgreen\u001b[0m \u001b[1mbold\u001b[22m \u001b[3mitalic\u001b[0m \u001b[4munder\u001b[0m \u001b[9mgone\u001b[0m \u001b[7minverse\u001b[0m \u001b[2Jcleared"],
      ["docker:look", "info", "pull 1%\rpull 50%\rpull done"],
      ["docker:look", "info", "a\u202egpj.exe \u0007 \u200b end"],
      ["docker:look", "info", "token [REDACTED] was used", { redacted: ["github-token"] }],
      ["docker:look", "info", "leaked ghp_abcdefghijklmnopqrstuvwxyz0123 here"],
      ["docker:look", "info", "\u001b]8;;https://example.org/x\u0007a link\u001b]8;;\u0007 \u001b]8;;javascript:alert(1)\u0007no link\u001b]8;;\u0007"],
    ]);
    const page = await open("?source=docker:look");
    const [colours = 0, progress = 0, hidden = 0, known = 0, leaked = 0, link = 0] = ids;
    const style = (/** @type {string} */ text) => rowText(page, colours).locator("span", { hasText: new RegExp(`^${text}$`) }).evaluate((one) => {
      const { color, fontWeight, fontStyle, textDecorationLine, backgroundColor } = getComputedStyle(one);
      return { color, fontWeight, fontStyle, line: textDecorationLine, ground: backgroundColor };
    });
    assert.equal((await style("bold")).fontWeight, "700");
    assert.equal((await style("italic")).fontStyle, "italic");
    assert.equal((await style("under")).line, "underline");
    assert.equal((await style("gone")).line, "line-through");
    assert.notEqual((await style("inverse")).ground, "rgba(0, 0, 0, 0)");
    assert.equal(new Set(await Promise.all(["red", "orange", "green"].map(async (name) => (await style(name)).color))).size, 3);
    assert.match(await rowText(page, colours).innerText(), /inverse cleared$/, "what moves the cursor is not there");
    assert.match(await rowText(page, progress).innerText(), /^pull done/);
    assert.match(await rowText(page, hidden).innerText(), /aRLOgpj\.exe BEL ZWSP end/);
    assert.match((await rowText(page, known).locator(".redacted").getAttribute("title")) ?? "", /github-token/);
    assert.match(await rowText(page, leaked).innerText(), /^leaked ghp_\[REDACTED\] here$/);
    assert.deepEqual(await rowText(page, link).locator("a").evaluateAll((links) => links.map((one) => one.getAttribute("href"))), ["https://example.org/x"]);
    await page.getByRole("button", { name: "Raw" }).click();
    await page.waitForFunction((row) => document.querySelector(`${row} .text`)?.textContent?.includes("ESC"), `#row-${colours}`);
    await done(page);
    remove();
  });

  test("a trace is folded, repeats are counted, both open; days and boots are marked", async () => {
    const { ids, remove } = append([
      ["docker:look", "error", "panic: no space"],
      ["docker:look", "error", "    at write (disk.js:1)"],
      ["docker:look", "error", "    at flush (disk.js:2)"],
      ["docker:look", "error", "    at main (disk.js:3)"],
      ["docker:look", "warn", "again"],
      ["docker:look", "warn", "again"],
      ["docker:look", "info", "another boot", { boot_id: "b1" }],
    ]);
    const late = mock.rows.at(-1);
    late.timestamp = new Date(Date.now() + 2 * 864e5).toISOString();
    const page = await open("?source=docker:look");
    const [trace = 0, , , , repeat = 0] = ids;
    assert.equal(await page.locator(`#row-${trace} .chip`).innerText(), "+3 lines");
    await page.locator(`#row-${trace} .chip`).click();
    await page.getByText("at main (disk.js:3)").waitFor();
    assert.equal(await page.locator(`#row-${repeat} .chip`).innerText(), "\u00d72");
    await page.locator(".separator.boot").waitFor();
    await page.locator(".separator.day").first().waitFor();
    await done(page);
    remove();
  });

  test("the list says what is older and loads it when asked", async () => {
    const page = await open();
    mock.delayMs = 300;
    await scrollTo(page, 0);
    await page.waitForFunction(() => /Load older|Loading older|Start of log/.test(document.querySelector(".edge")?.textContent ?? ""));
    mock.delayMs = 0;
    for (let i = 0; i < 60 && (await page.locator(".edge").first().textContent()) !== "Start of log"; i += 1) {
      await scrollTo(page, 0);
      await frames(page);
    }
    assert.equal(await page.locator(".edge").first().textContent(), "Start of log");
    await done(page);
  });

  test("forced colours and reduced motion are followed; on paper there is the list alone", async () => {
    const page = await open(`?record=${id(73)}&at=${id(73)}`, { forcedColors: "active", reducedMotion: "reduce" });
    await page.waitForSelector(".row.selected");
    const outline = await page.locator(".row.selected").evaluate((row) => getComputedStyle(row).outlineStyle);
    assert.equal(outline, "solid", "the open row is recognizable without colors of the page");
    await page.keyboard.press("t");
    await page.waitForSelector(".tab .dot.on");
    assert.equal(await page.locator(".tab .dot.on").evaluate((dot) => getComputedStyle(dot).animationName), "none");
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator(".top").isVisible(), false);
    await done(page);
  });

  test("light, dark, or as the system has it", async () => {
    const page = await open("", { colorScheme: "dark" });
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), "dark");
    await page.getByRole("button", { name: /^Theme/ }).click();
    assert.equal(await theme(), "light");
    await page.reload();
    await ready(page);
    assert.equal(await theme(), "light", "the choice is kept");
    await page.getByRole("button", { name: /^Theme/ }).click();
    await page.getByRole("button", { name: /^Theme/ }).click();
    assert.equal(await theme(), "dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
    await done(page);
  });

  test("an embedded page keeps its workspace in every request and in its address, and leaves out the frame of the site around it", async () => {
    mock.asked.length = 0;
    const page = await open("?embed=1&workspace=ws-1");
    await page.getByRole("link", { name: "Live" }).click();
    await page.waitForSelector(".list-host:not([hidden]) .row");
    await page.getByRole("link", { name: "Browse" }).click();
    await ready(page);
    const [without, all] = [mock.asked.filter((one) => !one.includes("workspace=ws-1")), mock.asked.length];
    assert.deepEqual(without.filter((one) => !/^\/(?:ui\/|$|\?|readyz|session)/.test(one)), []);
    assert.ok(all - without.length > 3, "it has asked for records, sources and counts");
    assert.equal(new URL(page.url()).search, "?embed=1&workspace=ws-1");
    assert.equal(await page.locator(".brand").count(), 0);
    assert.equal(await page.getByRole("link", { name: "Status" }).count(), 0);
    await page.reload();
    await ready(page);
    await done(page);
    const plain = await open("?workspace=a%20b");
    assert.equal(await plain.locator(".brand").count(), 1);
    assert.ok(mock.asked.some((one) => one.startsWith("/logs?") && !one.includes("workspace")), "no name of a workspace");
    await done(plain);
  });
});
