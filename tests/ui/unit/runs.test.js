import assert from "node:assert/strict";
import { test } from "node:test";
import { readRoute, writeRoute } from "../../../src/ui/lib/route.js";
import { categoryOf, ending, merged, outcome, telling, titleOf, took } from "../../../src/ui/lib/runs.js";
import { agentStep, runStep, stageSteps, tell } from "../../../src/ui/lib/story.js";

/** @param {Partial<import("../../../src/ui/lib/runs.js").Run>} [more] @returns {import("../../../src/ui/lib/runs.js").Run} */
const run = (more = {}) => ({
  id: "01a", name: "postCreateCommand", source: "devcontainer:ws", command: "npm ci", start: "2026-02-17T14:30:15Z", end: "2026-02-17T14:31:15Z",
  durationMs: 60_000, exitCode: 1, signal: null, category: "dependency", success: false, counts: { error: 2 }, firstId: "5", lastId: "9", ...more,
});

test("what became of a run, in words", () => {
  assert.equal(ending(run()), "exit code 1");
  assert.equal(ending(run({ exitCode: null, signal: "SIGKILL" })), "killed by SIGKILL");
  assert.equal(ending(run({ exitCode: null, signal: "9" })), "killed by signal 9");
  assert.equal(ending(run({ exitCode: null })), "interrupted");
  assert.equal(ending(run({ exitCode: 0, success: true })), "succeeded");
  assert.equal(ending(run({ exitCode: null, success: null, end: null })), "running");
  assert.deepEqual([run(), run({ success: true }), run({ success: null })].map(outcome), ["failed", "ok", "running"]);
  assert.equal(titleOf(run({ name: "" })), "npm");
  assert.equal(categoryOf(run({ category: "port_conflict" }))?.label, "port conflict");
  assert.equal(categoryOf(run({ category: "unknown" })), null);
  assert.equal(categoryOf(run({ category: null })), null);
});

test("a run that goes on counts to now, one that ended does not", () => {
  const now = Date.parse("2026-02-17T14:32:15Z");
  assert.equal(took(run(), now), "1 min");
  assert.equal(took(run({ durationMs: null }), now), "1 min");
  assert.equal(took(run({ durationMs: null, end: null }), now), "2 min");
  assert.equal(took(run({ durationMs: null, end: null, start: "never" }), now), "");
});

test("pages of runs are put together: each once, the newer word counts", () => {
  const [a, b] = [run({ id: "a", start: "2026-02-17T14:00:00Z" }), run({ id: "b", start: "2026-02-17T15:00:00Z", success: null })];
  const list = merged([b, a], [run({ id: "b", start: "2026-02-17T15:00:00Z", success: true }), run({ id: "c", start: "2026-02-17T16:00:00Z" })]);
  assert.deepEqual(list.map((one) => [one.id, one.success]), [["c", false], ["b", true], ["a", false]]);
});

test("of the last lines those that tell are kept, in their order", () => {
  const lines = ["+ pip install", "Collecting psycopg2", "", "  Error: pg_config executable not found.", "  please read the manual", "[end of output]", "note: see above"];
  assert.deepEqual(telling(lines, 3).map((line) => line.text), ["Error: pg_config executable not found.", "[end of output]", "note: see above"]);
  assert.deepEqual(telling(lines, 3).map((line) => line.skipped), [true, true, false]);
  assert.deepEqual(telling(["a", "b"], 3).map((line) => line.text), ["a", "b"]);
  assert.deepEqual(telling(["error 1", "error 2", "error 3", "error 4", "done"], 3).map((line) => line.text), ["error 3", "error 4", "done"]);
  assert.deepEqual(telling([], 3), []);
  assert.deepEqual(telling(["", "---"], 3), []);
  assert.deepEqual(telling(["only"], 1).map((line) => line.text), ["only"]);
});

let ids = 0;
/** @param {number} s @param {Record<string, unknown>} metadata */
const entry = (s, metadata, source = "cloud-init") => /** @type {import("../../../src/ui/lib/types.js").Entry} */ ({
  id: (ids += 1), ms: s * 1000, timestamp: "", source, level: "info", message: "", metadata,
});

test("stages come of reports and of banners, under one name", () => {
  const steps = stageSteps([
    entry(1, { event_type: "cloud_init_start", stage: "init-local" }),
    entry(2, { event_type: "cloud_init_finish", stage: "init-local", result: "SUCCESS" }),
    entry(3, { stage: "init" }),
    entry(3.5, { event_type: "cloud_init_start", stage: "init-network" }),
    entry(5, { event_type: "cloud_init_finish", stage: "init-network", result: "WARN" }),
    entry(6, { stage: "modules:config" }),
    entry(8, { stage: "modules:final" }),
  ]);
  assert.deepEqual(steps.map(({ name, startMs, endMs, state, note }) => [name, startMs, endMs, state, note]), [
    ["init-local", 1000, 2000, "ok", ""], ["init-network", 3000, 5000, "ok", "warn"], ["modules-config", 6000, 8000, "ok", ""], ["modules-final", 8000, null, "running", ""],
  ]);
  const done = stageSteps([entry(8, { stage: "modules:final" }), entry(9, { event_type: "cloud_init_finished" })]);
  assert.deepEqual([done[0]?.endMs, done[0]?.state], [9000, "ok"]);
  const failed = stageSteps([entry(1, { event_type: "cloud_init_finish", stage: "modules-final", result: "FAIL" })]);
  assert.deepEqual([failed[0]?.state, failed[0]?.note], ["failed", "fail"]);
  assert.deepEqual(stageSteps([]), []);
});

test("the story is in order, knows what failed first, and never leaves that out", () => {
  const steps = [
    ...Array.from({ length: 20 }, (_, at) => runStep(run({ id: `r${at}`, success: true, start: new Date(at * 60_000).toISOString(), end: new Date(at * 60_000 + 1000).toISOString() }))),
    runStep(run({ id: "late", start: new Date(30 * 60_000).toISOString(), end: new Date(31 * 60_000).toISOString() })),
    agentStep(entry(2, {}, "system:vm-agent.service")),
  ];
  const told = tell(steps);
  assert.equal(told.steps.length, 12);
  assert.equal(told.more, 10);
  assert.equal(told.first?.run?.id, "late");
  assert.ok(told.steps.includes(/** @type {any} */ (told.first)));
  assert.deepEqual(told.steps.slice(0, 2).map((step) => step.name), ["postCreateCommand", "vm-agent"]);
  assert.equal(told.first?.note, "exit code 1");
  assert.deepEqual(tell([]), { steps: [], more: 0, first: null, startMs: 0, endMs: 0 });
});

test("the address says which runs, which run, and how it is read", () => {
  const of = (/** @type {string} */ text) => writeRoute(readRoute(text));
  for (const text of ["?view=runs", "?view=runs&success=false", "?view=runs&scope=source&at=9&run=01a"]) assert.equal(of(text), text);
  assert.equal(of("?view=runs&success=perhaps"), "?view=runs");
});
