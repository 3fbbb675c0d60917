import assert from "node:assert/strict";
import { test } from "node:test";
import { readRoute, writeRoute } from "../../../src/ui/lib/query/route.js";
import { categoryOf, ending, merged, outcome, telling, titleOf, took, selected } from "../../../src/ui/lib/runs.js";
import { agentStep, runStep, stageSteps, tell, outcomeOf, placeOfStep } from "../../../src/ui/lib/story.js";
import { arrived, freshFirst, headline, keyOf, kindName, markdown, problemsOf, runOf } from "../../../src/ui/lib/problems.js";
import { levelsText, mixOf } from "../../../src/ui/lib/mix.js";

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

test("a running run lasts until now, one that has ended does not", () => {
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

test("runs are filtered by words of their name, command and source", () => {
  const all = [run({ id: "a", name: "postCreateCommand", command: "npm ci", success: false }), run({ id: "b", name: "dev", command: "npm run dev", success: null })];
  assert.deepEqual(selected(all, "NPM run", false).map(({ id }) => id), ["b"]);
  assert.deepEqual(selected(all, "", true).map(({ id }) => id), ["b"]);
  assert.deepEqual(selected(all, "post nothing", false), []);
});

test("of the last lines those that name the cause are kept, in their order", () => {
  const of = (/** @type {string[]} */ lines, most = 3) => telling(lines, most).map((line) => line.text);
  const pip = ["+ pip install", "Collecting psycopg2", "", "  Error: pg_config executable not found.", "  please read the manual", "[end of output]", "note: see above"];
  assert.deepEqual(of(pip), ["Error: pg_config executable not found."]);
  assert.deepEqual(telling(pip, 3).map((line) => line.skipped), [true]);
  const npm = ["npm error code ERESOLVE", "npm error ERESOLVE unable to resolve dependency tree", "npm error Could not resolve dependency:", "npm error peer react@\"^17\" from x@1",
    "npm error Fix the upstream dependency conflict, or retry", "npm error this command with --force or --legacy-peer-deps", "npm error A complete log of this run can be found in: /root/.npm/_logs",
    "\u2834 idealTree: timing\r\u2826 idealTree: timing"];
  assert.deepEqual(of(npm), ["npm error code ERESOLVE", "npm error ERESOLVE unable to resolve dependency tree", "npm error peer react@\"^17\" from x@1"]);
  assert.deepEqual(of(["E: Unable to locate package x", "make: *** [all] Error 2", "Makefile: leaving"]), ["E: Unable to locate package x", "make: *** [all] Error 2"]);
  const java = ["a.B: ok", "x.AException: one", "\tat y", "Caused by: z.BException: two", "\tat y", "Caused by: z.CException: three"];
  assert.deepEqual(of(java, 2), ["x.AException: one", "Caused by: z.CException: three"], "the first and the last");
  assert.deepEqual(of(["a", "b"]), ["a", "b"], "without a cause the last ones");
  assert.deepEqual(of(["permission denied for x", "done"]), ["permission denied for x"]);
  assert.deepEqual(of(["", "---"]), []);
  assert.deepEqual(of([]), []);
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
  assert.deepEqual(tell([]), { steps: [], all: [], more: 0, first: null, startMs: 0, endMs: 0 });
});

test("the address says which runs, which run, and how it is read", () => {
  const of = (/** @type {string} */ text) => writeRoute(readRoute(text));
  for (const text of ["?view=runs", "?view=runs&success=false", "?view=runs&scope=source&at=9&run=01a"]) assert.equal(of(text), text);
  assert.equal(of("?view=runs&success=perhaps"), "?view=runs");
});

test("a step that is running neither hides failures nor squeezes the others", () => {
  const at = (/** @type {number} */ from, /** @type {number | null} */ to, /** @type {"ok" | "failed" | "running"} */ state) =>
    /** @type {any} */ ({ kind: "run", name: "x", startMs: from, endMs: to, state, note: "", record: 1, run: null });
  const told = tell([at(0, 10, "ok"), at(10, 20, "failed"), at(20, null, "running")]);
  assert.equal(outcomeOf(told.all), "1 of 3 steps failed, 1 running");
  assert.equal(outcomeOf([at(0, 1, "ok"), at(1, null, "running")]), "1 step succeeded, 1 running");
  assert.equal(outcomeOf([at(0, 1, "ok")]), "1 step succeeded");
  assert.equal(told.endMs, 20);
  assert.deepEqual(placeOfStep(told.all[1], told.startMs, told.endMs), { left: 50, width: 50 });
  const running = placeOfStep(told.all[2], told.startMs, told.endMs);
  assert.ok(running.left <= 99 && running.left + running.width <= 100);
});

test("problems are said in a line, and as Markdown", () => {
  assert.equal(headline(0, "2026-02-17T14:00:00Z", true, Date.parse("2026-02-17T14:48:10Z")), "No problems since boot, 48 min ago");
  assert.equal(headline(1, null, true, 0), "1 problem since boot");
  assert.equal(headline(3, null, false, 0), "3 problems in the last 24 hours");
  assert.equal(kindName("oom_kill"), "Out of memory");
  assert.equal(kindName("some_new_kind"), "Some new kind");
  const cause = { id: "11", timestamp: "T1", source: "system:nginx", level: "error", message: "no certificate" };
  const problem = /** @type {const} */ ({ kind: "unit_failed", title: "nginx.service failed", severity: "error", subject: "nginx.service", source: "system:nginx", count: 2,
    first: "T0", last: "T2", firstId: "10", lastId: "12", cause, context: [{ ...cause, id: "10", timestamp: "T0", message: "starting" }] });
  const text = markdown(/** @type {any} */ (problem));
  assert.match(text, /^\*\*nginx\.service failed\*\* .*2 times from T0 to T2/);
  assert.ok(text.indexOf("starting") < text.indexOf("no certificate"), "in the order of time");
  const failed = run({ id: "r1", source: "devcontainer:ws", success: false, exitCode: 3, firstId: "5", lastId: "9" });
  const [made] = problemsOf([runStep(failed)]);
  assert.deepEqual([made?.kind, made?.subject, made?.severity], ["run_failed", "r1", "error"]);
  assert.equal(runOf(/** @type {any} */ (made), [runStep(failed)])?.id, "r1");
  assert.equal(runOf(/** @type {any} */ ({ ...made, subject: "devcontainer:ws" }), [runStep(failed)])?.id, "r1", "by its records, too");
  assert.equal(runOf(/** @type {any} */ (problem), [runStep(failed)]), null);
});

test("a problem is new if it happened after the last known one", () => {
  const problem = (/** @type {string} */ subject, /** @type {number} */ first, last = first) =>
    /** @type {any} */ ({ kind: "unit_failed", subject, firstId: String(first), lastId: String(last) });
  const before = [problem("a", 10, 90), problem("b", 50)];
  const now = [problem("a", 10, 120), problem("b", 50), problem("c", 95), problem("was too far down", 20)];
  assert.deepEqual(arrived(before, now).map(({ subject }) => subject), ["c"]);
  assert.equal(arrived([], now).length, 4);
  assert.deepEqual(freshFirst(now, new Set([keyOf(now[2])])).map(({ subject }) => subject), ["c", "a", "b", "was too far down"]);
});

test("the level of a pattern is that of most of its records, and what is more severe is counted", () => {
  assert.deepEqual(mixOf({ debug: 233, info: 835, warn: 82, error: 35 }), { level: "info", beyond: [{ level: "error", text: "35 errors" }, { level: "warn", text: "82 warnings" }] });
  assert.deepEqual(mixOf({ error: 3 }), { level: "error", beyond: [] });
  assert.deepEqual(mixOf({ info: 5, error: 5 }), { level: "error", beyond: [] });
  assert.deepEqual(mixOf({ debug: 9, info: 4, error: 1 }), { level: "debug", beyond: [{ level: "error", text: "1 error" }] });
  assert.deepEqual(mixOf({}), { level: "info", beyond: [] });
  assert.equal(levelsText({ debug: 0, info: 1200, error: 3 }), "3 error, 1,200 info");
});

test("a line that ends with a colon gives its place to the one that it announces", () => {
  const lines = ["npm error code ERESOLVE", "npm error ERESOLVE could not resolve", "npm error Found: react@19.0.0", "npm error Could not resolve dependency:",
    'npm error peer react@"^18.0.0" from react-table@7.8.0', "npm error A complete log of this run can be found in: /root/.npm/_logs/debug-0.log"];
  assert.deepEqual(telling(lines, 3).map(({ text }) => text), [lines[0], lines[1], lines[4]]);
  assert.deepEqual(telling(["E: nothing follows:"], 3).map(({ text }) => text), ["E: nothing follows:"]);
});
