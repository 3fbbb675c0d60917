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

// what a server would find in these records
const [failure, cause] = ["postCreateCommand failed", "pg_config executable"].map((text) => mock.rows.findLast((row) => row.message.includes(text)));
const [module, refused] = ["ModuleNotFoundError", "refused after"].map((text) => mock.rows.findLast((row) => row.message.includes(text)));
/** @param {string} kind @param {string} title @param {any} row @param {object} [more] */
const problem = (kind, title, row, more = {}) => ({
  kind, title, severity: "error", subject: title, source: row.source, count: 1, first: row.timestamp, last: row.timestamp, firstId: row.id, lastId: row.id,
  cause: { id: row.id, timestamp: row.timestamp, source: row.source, level: row.level, message: row.message }, context: [], boot: null, ...more,
});
mock.problems = [
  problem("run_failed", "postCreateCommand failed", { ...failure, message: "Error: pg_config executable not found." }, { subject: failure.metadata.run_id, firstId: cause.id }),
  problem("container_failed", "ws-abc123 failed", module), problem("error_burst", "ws-abc123 logs far more errors than usual", refused, { count: 143, severity: "warn" }),
];
const [first, last] = [mock.rows[0], mock.rows.at(-1)];
mock.boots = [{ index: 0, id: "b".repeat(32), first: first.timestamp, last: last.timestamp, firstId: first.id, lastId: last.id, records: mock.rows.length, clean: null, problems: 3 }];

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
await picture("browse", "");
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
