import assert from "node:assert/strict";
import { test } from "node:test";

// what a browser has and Node does not, for the module that keeps the session
Object.assign(globalThis, { location: new URL("http://x/"), addEventListener: () => {} });
const api = await import("../../../src/ui/core/api.js");

/**
 * A server with this many records, and a bound on its pages.
 * @param {number} rows
 * @param {number} limitMax
 * @param {string[]} [warnings]
 */
function serve(rows, limitMax, warnings) {
  /** @type {string[]} */
  const asked = [];
  globalThis.fetch = /** @type {any} */ (async (/** @type {string} */ address) => {
    const { searchParams } = new URL(address, "http://x/");
    const limit = Number(searchParams.get("limit") ?? Math.min(100, limitMax));
    asked.push(searchParams.get("limit") ?? "");
    if (limit > limitMax) {
      const body = { error: "invalid_limit", message: `limit must be at most ${limitMax}; got ${limit}`, parameter: "limit" };
      return Response.json(body, { status: 400 });
    }
    const from = Number(atob(searchParams.get("cursor") ?? btoa("0")));
    const ids = Array.from({ length: Math.min(limit, rows - from) }, (_, at) => from + at + 1);
    const entries = ids.map((id) => ({ id: String(id), timestamp: "2026-02-17T14:30:00.000000Z", source: "a", level: "info", message: "m", metadata: {} }));
    const last = ids.at(-1) ?? from;
    return Response.json({ entries, nextCursor: last < rows ? btoa(String(last)) : null, hasMore: last < rows, truncated: false, warnings });
  });
  return asked;
}

test("pages are as small as the server allows, and it is asked only once whether a larger one will do", async () => {
  const asked = serve(4, 1);
  /** @type {number[]} */
  const found = [];
  let cursor = "";
  do {
    const page = await api.page([["limit", "200"], ...(cursor ? /** @type {[string, string][]} */ ([["cursor", cursor]]) : [])]);
    found.push(...page.entries.map((entry) => entry.id));
    cursor = page.nextCursor ?? "";
  } while (cursor);
  assert.deepEqual(found, [1, 2, 3, 4]);
  assert.deepEqual(asked, ["200", "", "", "", ""]);
  assert.equal((await api.page([["limit", "1"]])).entries.length, 1);
});

test("other refusals are errors, and warnings are handed on", async () => {
  serve(0, 500, ["no source `docker`"]);
  assert.deepEqual((await api.page([])).warnings, ["no source `docker`"]);
  globalThis.fetch = /** @type {any} */ (async () => Response.json({ error: "invalid_where", message: "where must be" }, { status: 400 }));
  await assert.rejects(api.page([["limit", "1"]]), /where must be/);
});
