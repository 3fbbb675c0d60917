import assert from "node:assert/strict";
import { test } from "node:test";
import { mergedEvents, scopesOf, timeOf, typeChoices } from "../../../src/ui/lib/events.js";
import { lane } from "../../../src/ui/lib/histogram.js";

/** @param {string} id @param {object} [more] */
const event = (id, more = {}) => /** @type {import("../../../src/ui/core/api.js").Event} */ ({ id, type: "a.b", severity: "info", message: "m", created_at: "2026-02-17T14:30:15Z", ...more });

test("families of types come before their members, and only where there are several", () => {
  assert.deepEqual(typeChoices(["snapshot.deleted", "vmlog.started", "snapshot.capture.failed", "snapshot.deleted"]),
    ["snapshot.*", "snapshot.capture.failed", "snapshot.deleted", "vmlog.started"]);
  assert.deepEqual(typeChoices([]), []);
});

test("an event is about its IDs", () => {
  assert.deepEqual(scopesOf(event("1", { app_id: "api", run_id: "r1", payload: { task_id: "no" } })),
    [{ about: "app_id=api", word: "app", id: "api" }, { about: "run_id=r1", word: "run", id: "r1" }]);
  assert.deepEqual(scopesOf(event("1")), []);
});

test("pages of events are put together, newest first and each once", () => {
  const ids = mergedEvents([event("05"), event("03")], [event("09"), event("05"), event("01")]).map(({ id }) => id);
  assert.deepEqual(ids, ["09", "05", "03", "01"]);
});

test("events are in the order in which they happened, which may not be that in which they were read", () => {
  const late = event("09", { payload: { occurred_at: "2026-02-17T12:00:00.000000Z" } });
  assert.equal(timeOf(late), Date.UTC(2026, 1, 17, 12));
  assert.equal(timeOf(event("01", { payload: { occurred_at: "no time" } })), Date.UTC(2026, 1, 17, 14, 30, 15));
  assert.deepEqual(mergedEvents([late], [event("03"), event("05")]).map(({ id }) => id), ["05", "03", "09"]);
});

test("a lane is to the scale of its own busiest bucket, with errors that can be seen", () => {
  const bucket = (/** @type {number} */ info, /** @type {number} */ error) => ({ ms: 0, counts: { debug: 0, info, warn: 0, error }, total: info + error });
  const data = { startMs: 0, endMs: 4, bucketMs: 1, buckets: [bucket(100, 0), bucket(0, 0), bucket(49, 1), bucket(0, 50)] };
  const heights = (/** @type {string} */ path) => [...path.matchAll(/V([\d.]+)h/g)].map((match) => 14 - Number(match[1]));
  assert.deepEqual(heights(lane(data, 14, false)).map((height) => Math.round(height)), [14, 7, 7]);
  assert.deepEqual(heights(lane(data, 14, true)).map((height) => Math.round(height * 2) / 2), [1.5, 7]);
  assert.equal(lane({ ...data, buckets: [] }, 14, false), "");
});
