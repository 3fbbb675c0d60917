import assert from "node:assert/strict";
import { test } from "node:test";
import * as t from "../../../src/ui/lib/time.js";

process.env.TZ = "America/New_York";
const now = Date.parse("2026-02-17T14:30:15.123Z");
/** @param {string} text @param {boolean} [utc] */
const read = (text, utc = true) => {
  const result = t.readTime(text, { now, utc });
  return result.ok ? result.value : null;
};

test("times are read as people write them", () => {
  for (const [text, expected] of [
    ["", ""],
    [" now ", ""],
    ["-15m", "-15m"],
    ["2 hours ago", "-2h"],
    ["30s", "-30s"],
    ["- 3 days", "-3d"],
    ["2026-02-17", "2026-02-17T00:00:00Z"],
    ["2026-02-17 14:30", "2026-02-17T14:30:00Z"],
    ["2026-02-17T14:30:15.123456Z", "2026-02-17T14:30:15.123456Z"],
    ["2026-02-17T14:30:15.123456789Z", "2026-02-17T14:30:15.123456Z"],
    ["2026-02-17T14:30:15,5+02:00", "2026-02-17T12:30:15.500Z"],
    ["2026-02-17 14:30:15 -0530", "2026-02-17T20:00:15Z"],
    ["12:00", "2026-02-17T12:00:00Z"],
    ["23:59:30", "2026-02-16T23:59:30Z"],
    ["1771338615", "2026-02-17T14:30:15Z"],
    ["1771338615123", "2026-02-17T14:30:15.123Z"],
  ]) {
    assert.equal(read(/** @type {string} */ (text)), expected, text);
  }
});

test("without an offset a time is local unless UTC is chosen", () => {
  assert.equal(read("2026-02-17 09:30", false), "2026-02-17T14:30:00Z");
  assert.equal(read("2026-07-01 09:30", false), "2026-07-01T13:30:00Z");
  assert.equal(read("2026-02-17T09:30Z", false), "2026-02-17T09:30:00Z");
});

test("what is no time is refused", () => {
  for (const text of ["soon", "2026-02-30", "2026-13-01", "25:00", "12:61", "2026-02-17 24:00", "1", "-5 parsecs"]) {
    assert.equal(read(text), null, text);
  }
});

test("bounds are known in milliseconds", () => {
  assert.equal(t.boundMs("-15m", now), now - 900_000);
  assert.equal(t.boundMs("2026-02-17T14:30:15.123Z", now), now);
  assert.equal(t.boundMs("", now), null);
  assert.equal(t.boundMs("soon", now), null);
});

test("times are written", () => {
  assert.equal(t.clock(now, true), "14:30:15.123");
  assert.equal(t.clock(now, false), "09:30:15.123");
  assert.equal(t.clock(-1, true), "23:59:59.999");
  assert.equal(t.day(now, true), "2026-02-17");
  assert.equal(t.longDay(now, true).replace(",", ""), "Tuesday 17 February 2026");
  assert.equal(t.stamp(now, true), "2026-02-17 14:30:15");
});

test("durations have two units at most", () => {
  for (const [ms, expected] of /** @type {[number, string][]} */ ([
    [12, "12 ms"], [1500, "1.5 s"], [59_999, "59 s"], [60_000, "1 min"], [125_000, "2 min 5 s"],
    [7_500_000, "2 h 5 min"], [86_400_000 * 3 + 3_600_000 * 4, "3 d 4 h"],
  ])) {
    assert.equal(t.duration(ms), expected);
  }
});

test("ranges have names", () => {
  assert.equal(t.rangeLabel("-1h", "", true), "Last hour");
  assert.equal(t.rangeLabel("", "", true), "All time");
  assert.equal(t.rangeLabel("-3h", "-1h", true), "3h ago to 1h ago");
  assert.equal(
    t.rangeLabel("2026-02-17T14:00:00Z", "2026-02-17T15:00:00Z", true),
    "2026-02-17 14:00:00 to 15:00:00",
  );
});

test("numbers of any unit, days by name and several lengths are read as the server reads them", () => {
  assert.equal(read("1771338615"), "2026-02-17T14:30:15Z");
  assert.equal(read("@1771338615.5"), "2026-02-17T14:30:15.500Z");
  assert.equal(read("1771338615123"), "2026-02-17T14:30:15.123Z");
  assert.equal(read("1771338615123456"), "2026-02-17T14:30:15.123Z");
  assert.equal(read("1771338615123456789"), "2026-02-17T14:30:15.123Z");
  assert.equal(read("today"), "2026-02-17T00:00:00Z");
  assert.equal(read("yesterday"), "2026-02-16T00:00:00Z");
  assert.equal(read("-2h30min"), "-9000s");
  assert.equal(read("1 day 2 hours ago"), "-93600s");
  assert.equal(read("Tue 2026-02-17 14:30:00 UTC"), "2026-02-17T14:30:00Z");
  assert.equal(read("2h 3x"), null);
});
