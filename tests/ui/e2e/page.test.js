// The page against a real server: what a person sees and does.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, afterEach, before, describe, test } from "node:test";
import { closeAll, done, frames, launch, list, newPage, ready, scrollTo, visibleTexts } from "../lib/browser.js";
import { Server, TOKEN, until } from "../lib/server.js";

describe("page", { timeout: 300_000 }, () => {
  const server = new Server(6_000, { LOG_TAIL_MAX_CONNECTIONS: "3" });
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    await server.start();
    await server.filled();
    server.write(
      `long ${"x".repeat(9000)} end`,
      "<img src=x onerror=alert(1)><script>alert(2)</script> & &amp;",
      "a family \u{1f468}\u200d\u{1f469}\u200d\u{1f467} of emoji",
      "\u202egpj.exe \u0007bell \u001b[31mred \u001b[38;2;255;255;0mtrue\u001b[0m colour",
      "DATABASE_PASSWORD=correct-horse-battery",
      "the last seeded line",
    );
    await until(async () => (await server.get("logs?source=file:live&search=the+last+seeded+line&limit=1")).entries.length === 1, 20_000, () => "the last line is not in the store");
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await server.remove();
  });

  afterEach(() => closeAll(browser));

  /** @param {string} [query] @param {import("playwright-core").BrowserContextOptions} [options] */
  async function open(query = "", options = {}) {
    const page = await newPage(browser, options);
    await page.goto(server.page(query));
    await ready(page);
    return page;
  }

  test("opens at the newest; the token leaves the address", async () => {
    const page = await open();
    assert.equal(new URL(page.url()).search, "");
    assert.equal((await visibleTexts(page)).at(-1), "the last seeded line");
    await done(page);
  });

  test("what logs hold stays text", async () => {
    const page = await open("source=file:live");
    await page.getByText("alert(2)").first().waitFor();
    assert.equal(await page.locator(".list img, .list script").count(), 0);
    const text = await page.locator(".list-host:not([hidden]) .list").innerText();
    assert.match(text, /<img src=x onerror=alert\(1\)><script>/);
    assert.match(text, /RLO/, "a bidirectional override is seen");
    assert.match(text, /BEL/);
    assert.match(text, /a family \u{1f468}\u200d\u{1f469}\u200d\u{1f467} of emoji/u, "joined emoji stay whole");
    assert.ok(!text.includes("correct-horse"), "no secret");
    assert.equal(await page.locator(".list .redacted").first().innerText(), "[REDACTED]");
    const color = await page.locator(".list .f1").first().evaluate((one) => getComputedStyle(one).color);
    assert.notEqual(color, await page.locator(".list .text").first().evaluate((one) => getComputedStyle(one).color));
    await done(page);
  });

  test("a long line is cut, and whole when asked for", async () => {
    const page = await open("source=file:live");
    const row = page.locator(".row", { hasText: "long xxx" });
    assert.ok((await row.innerText()).length < 2300);
    await row.locator(".more").click();
    await frames(page);
    assert.match(await page.locator(".row", { hasText: "long xxx" }).innerText(), /end/);
    await done(page);
  });

  test("scrolls to the oldest record, page by page, without a hole", async () => {
    const page = await open("source=file:system-vm-agent");
    const total = (await server.get("logs/sources?source=file:system-vm-agent")).sources[0].entryCount;
    /** @type {Set<string>} */
    const seen = new Set();
    for (let i = 0; i < 400; i += 1) {
      const ids = await page.evaluate(() => [...document.querySelectorAll(".list-host:not([hidden]) .row")].map((row) => row.id));
      ids.forEach((id) => seen.add(id));
      const at = await list(page).evaluate((one) => one.scrollTop);
      const oldest = (await page.locator(".edge").first().textContent()) === "Start of log";
      if (at <= 0 && oldest) break;
      // in one step: a page that comes in between moves what is on the screen
      await list(page).evaluate((one) => {
        one.dispatchEvent(new WheelEvent("wheel"));
        one.scrollTop -= 900;
      });
      await frames(page);
    }
    // repeats stand in one row
    assert.ok(seen.size > total * 0.9 && seen.size <= total, `${seen.size} of ${total} rows were seen`);
    await done(page);
  });

  test("levels, sources and search narrow the list; the address holds them; back undoes", async () => {
    const page = await open();
    await page.locator(".level-button.error").click({ modifiers: ["Alt"] });
    await page.waitForURL(/level=error/);
    await page.waitForFunction(() => document.querySelectorAll(".list-host:not([hidden]) .row:not(.error)").length === 0);
    await page.locator(".source-name", { hasText: "docker-ws-abc123" }).click();
    await page.waitForURL(/source=file:docker-ws-abc123/);
    await page.fill("#search", "CONNECTION");
    await page.waitForURL(/q=CONNECTION/);
    await page.waitForFunction(() => [...document.querySelectorAll(".list-host:not([hidden]) .row")].every((row) => row.querySelector("mark.match")));
    assert.equal((await page.locator("mark.match").first().innerText()).toLowerCase(), "connection");
    const before = await visibleTexts(page);
    await page.reload();
    await ready(page);
    assert.deepEqual((await visibleTexts(page)).slice(-10), before.slice(-10), "a reload shows the same");
    assert.deepEqual(await page.locator(".chips .chip-text").allInnerTexts(), ["source:file:docker-ws-abc123", "level:error", "CONNECTION"]);
    await page.goBack();
    await page.waitForFunction(() => !location.search.includes("q="));
    await page.waitForFunction(() => document.querySelectorAll(".chips li").length === 2);
    await done(page);
  });

  test("counts agree with the server", async () => {
    const page = await open("level=warn");
    const { sources } = await server.get("logs/sources?level=warn");
    const total = sources.reduce((/** @type {number} */ sum, /** @type {any} */ source) => sum + source.entryCount, 0);
    await page.waitForFunction((n) => document.querySelector(".status b")?.textContent === n, total.toLocaleString("en-US"));
    await done(page);
  });

  test("a source is left out, another is the only one", async () => {
    const page = await open();
    const line = page.locator(".source-line", { hasText: "nginx-access" });
    await line.hover();
    await line.locator(".exclude").click();
    await page.waitForURL(/source=-file:file-nginx-access/);
    await line.locator(".exclude").click();
    await page.waitForURL((url) => !url.search.includes("nginx"));
    await page.locator(".source-name", { hasText: "system-kernel" }).click({ modifiers: ["Alt"] });
    await page.waitForURL(/source=file:system-kernel/);
    await page.waitForFunction(() => [...document.querySelectorAll(".list-host:not([hidden]) .row .name")].every((one) => one.textContent === "system-kernel"));
    await done(page);
  });

  test("an invalid expression is explained where it is typed", async () => {
    const page = await open();
    const top = await page.locator(".query").evaluate((one) => one.getBoundingClientRect().top);
    await page.fill("#search", "heartbeat /abc(/");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".query-wrong");
    assert.equal(await page.getAttribute("#search", "aria-invalid"), "true");
    assert.match(await page.locator(".query-wrong").innerText(), /character/, "it says where");
    assert.equal(await page.locator(".query").evaluate((one) => one.getBoundingClientRect().top), top, "nothing jumps");
    assert.ok(await page.locator(".list-host:not([hidden]) .row").count() > 0, "the rows stay");
    await page.getByRole("button", { name: "Remove /abc(/" }).click();
    await page.waitForSelector("mark.match");
    assert.equal(await page.locator(".query-wrong").count(), 0);
    await page.fill("#search", "/heartbeat (ok|late)/");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => [...document.querySelectorAll("mark.match")].some((one) => one.textContent === "heartbeat ok"));
    await done(page);
  });

  test("nothing found says why and what to press", async () => {
    const page = await newPage(browser);
    await page.goto(server.page("search=checkpoint&level=error"));
    await page.getByText(/records hidden/).waitFor();
    await page.getByRole("button", { name: /^Show .* info$/ }).click();
    await ready(page);
    await page.goto(server.page("search=no-such-text-anywhere&start=-1h"));
    await page.getByText("No matching records").waitFor();
    await page.getByRole("button", { name: "Search all time" }).click();
    await page.locator(".notice").getByRole("button", { name: "Clear search" }).click();
    await ready(page);
    await done(page);
  });

  test("a record opens with its fields, is walked from, linked to, and closed", async () => {
    const page = await open("source=file:system-ssh-service");
    await page.locator(".list-host:not([hidden]) .row .text").last().click();
    await page.waitForSelector(".detail");
    assert.match(await page.locator(".detail .fields").innerText(), /file/);
    const first = new URL(page.url()).searchParams.get("record");
    await page.keyboard.press("k");
    await page.waitForFunction((id) => new URLSearchParams(location.search).get("record") !== id, first);
    const link = page.url();
    const message = await page.locator(".detail .message").innerText();
    await page.goto(link);
    await page.waitForSelector(".row.selected");
    assert.equal(await page.locator(".detail .message").innerText(), message, "a link opens the same record");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".detail", { state: "detached" });
    await done(page);
  });

  test("a value becomes a filter and can be taken away", async () => {
    const page = await open("source=file:system-kernel");
    await page.locator(".list-host:not([hidden]) .row .text").last().click();
    await page.locator(".leaf").first().hover();
    await page.locator(".leaf-tools button").first().click();
    await page.waitForURL(/q=/);
    await page.locator(".chips .chip-q .chip-remove").click();
    await page.waitForURL((url) => !url.search.includes("q="));
    await done(page);
  });

  test("context shows all sources around a record, and back is the same place", async () => {
    const page = await open("source=file:live");
    const row = page.locator(".list-host:not([hidden]) .row", { hasText: "alert(2)" });
    const id = (await row.getAttribute("id")) ?? "";
    await row.locator(".time").click();
    await page.getByRole("button", { name: "All sources" }).click();
    await page.waitForSelector(".banner.context");
    await page.waitForSelector(`#${id}.selected`);
    // files are read one after the other: other sources are further up
    for (let i = 0; i < 40 && new Set(await page.locator(".list-host:not([hidden]) .row .name").allInnerTexts()).size < 2; i += 1) {
      await scrollTo(page, 40);
      await frames(page);
    }
    assert.ok(new Set(await page.locator(".list-host:not([hidden]) .row .name").allInnerTexts()).size > 1);
    await page.getByRole("button", { name: "Back to filtered list" }).click();
    await page.waitForSelector(".banner.context", { state: "detached" });
    await page.waitForSelector(`#${id}.selected`);
    assert.match(page.url(), /source=file:live/);
    await done(page);
  });

  test("keys alone do everything", async () => {
    const page = await open();
    await page.keyboard.press("E");
    await page.waitForSelector(".row.error.selected");
    const last = new URL(page.url()).searchParams.get("record");
    await page.keyboard.press("E");
    await page.waitForFunction((id) => new URLSearchParams(location.search).get("record") !== id, last);
    await page.keyboard.press("e");
    await page.waitForFunction((id) => new URLSearchParams(location.search).get("record") === id, last);
    await page.keyboard.press("g");
    await page.waitForFunction(() => document.querySelector(".edge")?.textContent === "Start of log");
    await page.keyboard.press("G");
    await page.waitForFunction(() => [...document.querySelectorAll(".row .text")].some((one) => one.textContent === "the last seeded line"));
    await page.keyboard.press("/");
    await page.keyboard.type("heartbeat");
    await page.waitForURL(/q=heartbeat/);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.keyboard.press("x");
    await page.waitForSelector("dialog[open] .formats");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.keyboard.press("t");
    await page.waitForURL(/view=live/);
    await page.keyboard.press(" ");
    await page.waitForSelector(".live-bar.paused");
    await done(page);
  });

  test("find highlights matches, and continues beyond the loaded rows", async () => {
    const page = await open();
    await page.keyboard.press("Control+f");
    await page.waitForSelector(".find input");
    await page.keyboard.type("pip install -r");
    await page.keyboard.press("Shift+Enter");
    await page.waitForSelector(".row.selected mark.found");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".find", { state: "detached" });
    await done(page);
  });

  test("a range of time is typed, and refused when it is none", async () => {
    const page = await open();
    await page.locator(".time-button").click();
    await page.locator(".field input").first().fill("soon");
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await page.waitForSelector(".wrong");
    await page.locator(".field input").first().fill("2 h ago");
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await page.waitForURL(/start=-2h/);
    await page.locator(".time-button").click();
    await page.getByRole("button", { name: "1h", exact: true }).click();
    await page.waitForURL(/start=-1h/);
    await done(page);
  });

  test("wrapping, raw text and UTC are kept", async () => {
    const page = await open();
    await page.getByRole("button", { name: "Wrap", exact: true }).click();
    await page.waitForSelector(".list.nowrap");
    await page.getByRole("button", { name: "Europe/Berlin" }).click();
    await page.reload();
    await ready(page);
    assert.equal(await page.getByRole("button", { name: "UTC", exact: true }).getAttribute("aria-pressed"), "true");
    assert.equal(await page.locator(".list.nowrap").count(), 2);
    await done(page);
  });

  test("an export is exactly what is filtered", async () => {
    const page = await open("search=heartbeat&level=warn");
    await page.keyboard.press("x");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: /JSON lines/ }).click()]);
    const stream = await download.createReadStream();
    let text = "";
    for await (const part of stream) text += part;
    const { sources } = await server.get("logs/sources?search=heartbeat&level=warn");
    const total = sources.reduce((/** @type {number} */ sum, /** @type {any} */ source) => sum + source.entryCount, 0);
    assert.equal(text.trim().split("\n").length, total);
    await done(page);
  });

  test("copying works without the clipboard's permission", async () => {
    const page = await open("source=file:live");
    await page.locator(".row .text", { hasText: "the last seeded line" }).click();
    await page.keyboard.press("c");
    await page.getByText("Line copied").waitFor();
    await done(page);
  });

  test("a captured command that failed is the first thing to see, and its run says why", async () => {
    assert.equal(await server.exec("updateContentCommand", "echo fetched"), 0);
    assert.equal(await server.exec("postCreateCommand", "echo building; echo 'Error: pg_config executable not found' >&2; exit 3"), 3);
    await until(async () => (await server.get("runs?success=false")).runs?.length === 1, 20_000, () => "the run is not in the store");
    const page = await open();
    await page.locator(".home .problem-line", { hasText: "postCreateCommand" }).first().click();
    await page.locator(".problem-details").getByText("Error: pg_config executable not found").first().waitFor();
    await page.getByRole("button", { name: "Open the run" }).click();
    await page.waitForSelector(".row.of-run");
    assert.match(await page.locator(".run-head h2").innerText(), /postCreateCommand\s+exit code 3/);
    await page.getByRole("button", { name: "This run" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".list-host:not([hidden]) .row").length === 4);
    // two pipes, so in either order
    assert.deepEqual((await visibleTexts(page)).slice(1, 3).sort(), ["Error: pg_config executable not found", "building"]);
    await page.getByRole("button", { name: "All runs" }).click();
    await page.waitForSelector(".run-line.ok");
    // a link that names no place, as one writes it by hand, while later lines of others fill the screen
    server.write(...Array.from({ length: 120 }, (_, number) => `after the run ${number}`), "the last line after the run");
    await until(async () => (await server.get("logs?source=file:live&search=the+last+line+after+the+run&limit=1")).entries.length === 1, 20_000, () => "the last line is not in the store");
    const [run] = (await server.get("runs?success=false")).runs;
    const linked = await open(`view=runs&run=${run.id}`);
    await linked.waitForSelector(`#row-${run.lastId}.of-run`);
    assert.ok((await visibleTexts(linked)).some((line) => line.startsWith("ended: ")), "it opens at the end of the run");
    await done(linked);
    assert.deepEqual(await page.locator(".run-line b").allInnerTexts(), ["postCreateCommand", "updateContentCommand"]);
    await done(page);
  });

  test("without a token the page asks for one, and opens with it", async () => {
    const page = await newPage(browser);
    await page.goto(server.address);
    await page.getByText("Access token required").waitFor();
    await page.getByLabel("Token").fill("not-the-token-0123456789");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("did not accept this token").waitFor();
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await ready(page);
    await done(page);
  });

  test("a token in the address that is not the server's is said to be refused; one after # opens", async () => {
    const page = await newPage(browser);
    await page.goto(`${server.address}?token=not-the-token-0123456789`);
    await page.getByText("did not accept this token").waitFor();
    await page.goto(`${server.address}?level=warn#token=${TOKEN}`);
    await ready(page);
    assert.equal(new URL(page.url()).hash, "");
    assert.equal(new URL(page.url()).search, "?level=warn");
    await done(page);
  });

  /** @param {import("playwright-core").Page} page @returns {Promise<string>} */
  const sessionOf = (page) => page.evaluate(() => {
    const stored = Object.entries(localStorage).find(([name]) => name.startsWith("vmlog-session"));
    return JSON.parse(stored?.[1] ?? "{}").text ?? "";
  });

  test("nothing that opens the log reaches another port, and cookies of another port lock nobody out", async () => {
    /** @type {string[]} */
    const got = [];
    const planted = Array.from({ length: 40 }, (_, i) => `vmlog_token_${i}=eHg; Path=/`);
    const other = createServer((request, response) => {
      got.push(`${request.url} ${JSON.stringify(request.headers)}`);
      response.setHeader("set-cookie", planted);
      response.end("another server");
    });
    await new Promise((resolve) => { other.listen(0, "127.0.0.1", () => resolve(null)); });
    const { port } = /** @type {import("node:net").AddressInfo} */ (other.address());
    const page = await open();
    const session = await sessionOf(page);
    assert.ok(session.length > 50 && !session.includes(TOKEN));
    assert.deepEqual(await page.context().cookies(), [], "the server sets none");
    await page.goto(`http://127.0.0.1:${port}/`);
    assert.ok(got.length > 0);
    for (const secret of [TOKEN, session, Buffer.from(TOKEN).toString("base64").slice(0, 30)]) assert.ok(!got.join().includes(secret));
    assert.ok((await page.context().cookies()).length > 30);
    await page.goto(server.address);
    await ready(page);
    await done(page);
    other.closeAllConnections();
    other.close();
  });

  test("a reload and another tab stay signed in; signing out in one ends both", async () => {
    const page = await open();
    await page.reload();
    await ready(page);
    const second = await page.context().newPage();
    await second.goto(`${server.address}?view=live`);
    await second.waitForSelector(".live-bar.open");
    const session = await sessionOf(page);
    const status = () => fetch(`${server.address}logs?limit=1`, { headers: { "x-vmlog-session": session } }).then((answer) => answer.status);
    assert.equal(await status(), 200);
    await page.keyboard.press("?");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("Access token required").waitFor();
    await second.getByText("Access token required").waitFor();
    await until(async () => (await status()) === 401, 5_000, () => "the session is still valid");
    await page.reload();
    await page.getByText("Access token required").waitFor();
    await done(page);
  });
});
