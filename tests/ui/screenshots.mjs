// Pictures of the page in its states, from the same records every time: `node screenshots.mjs FOLDER [NAME...]`.

import { launch, newPage } from "./lib/browser.js";
import { record, records, runsOf } from "./lib/data.js";
import { Mock } from "./lib/mock.js";

const [folder = "screenshots", ...wanted] = process.argv.slice(2);
const mock = new Mock(records(20_000));
const base = await mock.listen();
const browser = await launch();
const PHONE = { viewport: { width: 375, height: 812 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const DARK = { colorScheme: /** @type {const} */ ("dark") };

/** @param {number} fromEnd */
const id = (fromEnd) => mock.rows.at(-fromEnd).id;

/**
 * @param {string} name
 * @param {string} query
 * @param {import("playwright-core").BrowserContextOptions} [options]
 * @param {(page: import("playwright-core").Page) => Promise<unknown>} [act]
 */
async function picture(name, query, options = {}, act = async () => {}) {
  if (wanted.length > 0 && !wanted.includes(name)) return;
  const page = await newPage(browser, { viewport: { width: 1360, height: 820 }, ...options });
  await page.goto(base + query);
  await page.waitForSelector(".row, .notice, .run-line");
  await page.waitForTimeout(2500);
  await act(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${folder}/${name}.png` });
  await page.context().close();
}

const failed = `?record=${id(73)}&at=${id(73)}`;
await picture("browse", `?at=${id(80)}`);
await picture("dark", `?at=${id(80)}`, DARK);
await picture("detail", failed);
await picture("detail-dark", failed, DARK);
await picture("context", `?context=${id(70)}&record=${id(70)}&at=${id(70)}`);
await picture("search", "?search=connection&level=warn");
await picture("empty", "?search=checkpoint&level=error");
await picture("live", "?view=live", {}, async (page) => {
  await page.keyboard.press(" ");
  for (let i = 1; i <= 1243; i += 1) mock.push(record(20_000 + i, Date.now(), "system:vm-agent", "info", `heartbeat ok seq=${i}`));
});
const create = runsOf(mock.rows).find((run) => run.success === false);
await picture("runs", "?view=runs");
await picture("run", `?view=runs&run=${create.id}&at=${create.lastId}`);
await picture("run-dark", `?view=runs&run=${create.id}&at=${create.lastId}`, DARK);
await picture("phone-runs", "?view=runs", PHONE);
await picture("phone-run", `?view=runs&run=${create.id}&at=${create.lastId}`, PHONE);
await picture("chosen", `?at=${id(80)}&select=${id(74)}-${id(70)}`);
await picture("palette", "", {}, (page) => page.keyboard.press("Control+k"));
await picture("help", "", {}, (page) => page.keyboard.press("?"));
await picture("export", "?level=warn", {}, (page) => page.keyboard.press("x"));
await picture("phone", `?at=${id(80 + 1243)}`, PHONE);
await picture("phone-dark", `?at=${id(80 + 1243)}`, { ...PHONE, ...DARK });
await picture("phone-filters", "", PHONE, (page) => page.getByRole("button", { name: "Filters" }).tap());
mock.fault = (path) => (path.startsWith("/logs") ? { status: 503, body: { error: "store_unavailable", message: "the store could not be read" } } : null);
await picture("error", "");
await browser.close();
await mock.close();
