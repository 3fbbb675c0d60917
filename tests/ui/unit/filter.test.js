import assert from "node:assert/strict";
import { test } from "node:test";
import * as f from "../../../src/ui/lib/filter.js";
import { HOME, readRoute, writeRoute } from "../../../src/ui/lib/route.js";

/** @param {string} query */
const read = (query) => f.fromParameters(new URLSearchParams(query));

test("nothing asked is everything", () => {
  assert.deepEqual(read(""), f.EVERYTHING);
  assert.ok(f.isEverything(read("")));
  assert.deepEqual(f.toParameters(f.EVERYTHING), []);
});

test("a filter survives its parameters", () => {
  const filters = [
    { sources: ["docker:", "-docker:noisy", "a,b"] },
    { levels: f.clickLevel(f.EVERYTHING.levels, "warn") },
    { levels: ["debug", "error"] },
    { start: "-1h", end: "2026-02-17T14:30:00Z" },
    { search: "a & b=c+d%", caseSensitive: true, regex: true, invert: true },
    { where: ["unit=ssh.service", "exit_code!=0"], pid: "42" },
  ].map((part) => ({ ...f.EVERYTHING, ...part }));
  for (const filter of filters) {
    const query = new URLSearchParams(f.toParameters(filter)).toString();
    assert.deepEqual(read(query), filter, query);
    assert.ok(f.sameFilter(read(query), filter));
  }
});

test("what cannot be understood is left out", () => {
  assert.deepEqual(read("level=loud&source=&source=-&pid=x&levels=none"), f.EVERYTHING);
  assert.equal(read(`search=${"x".repeat(2000)}`).search.length, 1000);
});

test("options of a search that is not there are not sent", () => {
  assert.deepEqual(f.toParameters({ ...f.EVERYTHING, regex: true, invert: true, caseSensitive: true }), []);
});

test("a click on a level is a minimum, a second click shows all, a toggle is exact", () => {
  const all = f.EVERYTHING.levels;
  assert.deepEqual(f.clickLevel(all, "warn"), ["warn", "error"]);
  assert.deepEqual(f.clickLevel(["warn", "error"], "warn"), all);
  assert.deepEqual(f.clickLevel(["warn", "error"], "error"), ["error"]);
  assert.deepEqual(f.clickLevel(["error"], "error"), all);
  assert.deepEqual(f.clickLevel(["error"], "debug"), all);
  assert.deepEqual(f.toggleLevel(all, "info"), ["debug", "warn", "error"]);
  assert.deepEqual(f.toggleLevel(["error"], "error"), all, "never none");
  assert.equal(f.minimumLevel(["debug", "error"]), null);
  assert.equal(f.minimumLevel(["error"]), "error");
  assert.deepEqual(read("level=warn&levels=debug,warn").levels, ["warn"], "both narrow");
});

test("sources are shown, only, excluded", () => {
  const filter = { ...f.EVERYTHING, sources: ["docker:", "-docker:noisy"] };
  assert.deepEqual(f.sourceState(filter, "docker:web"), { shown: true, state: "only" });
  assert.deepEqual(f.sourceState(filter, "docker:noisy"), { shown: false, state: "excluded" });
  assert.deepEqual(f.sourceState(filter, "system:ssh"), { shown: false, state: "" });
  assert.deepEqual(f.sourceState({ ...filter, sources: ["-docker:*"] }, "system:ssh"), { shown: true, state: "" });
  assert.deepEqual(f.toggleSource(filter, "docker:").sources, ["-docker:noisy"]);
  assert.deepEqual(f.toggleSource(filter, "docker:noisy").sources, ["docker:", "docker:noisy"]);
  assert.deepEqual(f.toggleExcluded(filter, "docker:").sources, ["-docker:noisy", "-docker:"]);
  assert.deepEqual(f.toggleExcluded(filter, "docker:noisy").sources, ["docker:"]);
});

test("a condition is made of what can be said", () => {
  assert.equal(f.condition("unit", "ssh.service", false), "unit=ssh.service");
  assert.equal(f.condition("exit_code", 0, true), "exit_code!=0");
  for (const [key, value] of [["a=b", "x"], ["-a", "x"], ["", "x"], ["a", "x*"], ["a", { b: 1 }], ["a", null]]) {
    assert.equal(f.condition(/** @type {string} */ (key), value, false), null);
  }
});

test("the address holds everything and survives", () => {
  const routes = [
    HOME,
    { ...HOME, tab: /** @type {const} */ ("live"), filter: { ...f.EVERYTHING, sources: ["docker:web"] } },
    { ...HOME, record: 12345, at: 12000, filter: { ...f.EVERYTHING, search: "a?b#c" } },
    { ...HOME, context: 7, scope: /** @type {const} */ ("source") },
    { ...HOME, tab: /** @type {const} */ ("runs"), run: "r-1" },
  ];
  for (const route of routes) assert.deepEqual(readRoute(writeRoute(route)), route, writeRoute(route));
  assert.equal(writeRoute(HOME), "");
  assert.equal(writeRoute({ ...HOME, filter: { ...f.EVERYTHING, sources: ["docker:web"] } }), "?source=docker:web");
});

test("a broken address is the plain page", () => {
  for (const query of ["?view=x", "?record=-1&at=abc&context=1e9", "?at=99999999999999999999", "?scope=galaxy"]) {
    assert.deepEqual(readRoute(query), HOME, query);
  }
});
