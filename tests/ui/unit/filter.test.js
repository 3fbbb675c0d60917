import assert from "node:assert/strict";
import { test } from "node:test";
import * as f from "../../../src/ui/lib/query/filter.js";
import { HOME, readRoute, writeRoute } from "../../../src/ui/lib/query/route.js";

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
    { levels: f.EVERYTHING.levels.slice(2) },
    { levels: ["debug", "error"] },
    { start: "-1h", end: "2026-02-17T14:30:00Z" },
    { q: "\"a & b=c+d%\" status>=500 -/x y/" },
    { boot: "-1", patterns: ["user <num> left", "-retry <*>"], pid: "42" },
  ].map((part) => ({ ...f.EVERYTHING, ...part }));
  for (const filter of filters) {
    const query = new URLSearchParams(f.toParameters(filter)).toString();
    assert.deepEqual(read(query), filter, query);
  }
});

test("invalid parameters are ignored", () => {
  assert.deepEqual(read("level=loud&source=&source=-&pid=x&levels=none&boot=last"), f.EVERYTHING);
  assert.equal(read(`search=${"x".repeat(2000)}`).q.length, 1000);
  assert.deepEqual(f.toParameters({ ...f.EVERYTHING, boot: "all" }), [], "all boots are no condition");
});

test("addresses of before the query language are read as expressions", () => {
  assert.equal(read("search=refused").q, "refused");
  assert.equal(read("search=connection+refused").q, "\"connection refused\"");
  assert.equal(read("search=a/b(c)&regex=true").q, "/a\\/b(c)/");
  assert.equal(read("search=GET&case=sensitive&invert=true").q, "-/(?-i)GET/");
  assert.equal(read("where=unit%3Dssh.service&where=exit_code!%3D0&where=path%3D/api/*&where=-step%3D*").q, "unit:ssh.service -exit_code:0 path:/api/* -step:*");
});

test("a toggle turns one level on or off, or leaves it alone", () => {
  const all = f.EVERYTHING.levels;
  assert.deepEqual(f.toggleLevel(all, "debug"), ["info", "warn", "error"]);
  assert.deepEqual(f.toggleLevel(all, "info"), ["debug", "warn", "error"]);
  assert.deepEqual(f.toggleLevel(["error"], "error"), all, "never none");
  assert.deepEqual(f.onlyLevel(all, "warn"), ["warn"]);
  assert.deepEqual(f.onlyLevel(["warn"], "warn"), all);
  assert.equal(f.minimumLevel(["debug", "error"]), null);
  assert.equal(f.minimumLevel(["error"]), "error");
  assert.deepEqual(read("level=warn&levels=debug,warn").levels, ["warn"], "both narrow");
});

test("terms about levels, sources and time go to their controls, all others to the expression", () => {
  const of = (/** @type {string} */ text, filter = f.EVERYTHING) => f.withTerms(filter, text);
  assert.deepEqual(of("level>=warn timeout").levels, ["warn", "error"]);
  assert.equal(of("level>=warn timeout").q, "timeout");
  assert.deepEqual(of("-level:debug").levels, ["info", "warn", "error"]);
  assert.deepEqual(of("source:docker:web source:docker:api").sources, ["docker:web", "docker:api"]);
  assert.deepEqual(of("kind:docker -source:docker:noisy").sources, ["docker:", "-docker:noisy"]);
  assert.deepEqual(of("source!=docker:web", { ...f.EVERYTHING, sources: ["docker:web"] }).sources, ["-docker:web"]);
  assert.equal(of("time>=-15m", { ...f.EVERYTHING, boot: "0" }).start, "-15m");
  assert.equal(of("time>=-15m", { ...f.EVERYTHING, boot: "0" }).boot, "");
  for (const kept of ["level:error OR refused", "source:/web/", "message:level", "level:loud", "(level:error)", "source:docker:*/x"]) {
    assert.deepEqual(of(kept), { ...f.EVERYTHING, q: kept }, kept);
  }
  assert.equal(of("a b", { ...f.EVERYTHING, q: "a OR c" }).q, "(a OR c) a b");
  assert.equal(of("a", { ...f.EVERYTHING, q: "a b" }).q, "a b", "once is enough");
});

test("every part of a filter but its time is a chip that can be removed", () => {
  const filter = { ...f.EVERYTHING, sources: ["docker:", "-system:ssh"], levels: /** @type {const} */ (["error"]), q: "unit:a -\"b c\"", patterns: ["-x <num>"], pid: "7", start: "-1h" };
  const chips = f.chips(filter);
  assert.deepEqual(chips.map(({ label }) => label), ["kind:docker", "-source:system:ssh", "level:error", "unit:a", "-\"b c\"", "not like x <num>", "pid 7"]);
  const rest = chips.reduce((left, chip) => {
    const same = f.chips(left).find(({ text, part }) => text === chip.text && part === chip.part);
    return same ? f.withoutChip(left, same) : left;
  }, filter);
  assert.deepEqual(rest, { ...f.EVERYTHING, start: "-1h" });
  // what a chip says is what it does
  const again = chips.filter(({ part }) => part === "source" || part === "level" || part === "q").reduce((made, { text }) => f.withTerms(made, text), f.EVERYTHING);
  assert.deepEqual([again.sources, again.levels, again.q], [filter.sources, filter.levels, filter.q]);
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

test("the address holds everything and survives", () => {
  const routes = [
    HOME,
    { ...HOME, tab: /** @type {const} */ ("live"), filter: { ...f.EVERYTHING, sources: ["docker:web"] } },
    { ...HOME, record: 12345, at: 12000, filter: { ...f.EVERYTHING, q: "a?b#c", boot: "all" } },
    { ...HOME, panel: /** @type {const} */ ("patterns") },
    { ...HOME, tab: /** @type {const} */ ("status") },
    { ...HOME, context: 7, scope: /** @type {const} */ ("source") },
    { ...HOME, tab: /** @type {const} */ ("runs"), run: "r-1" },
  ];
  for (const route of routes) assert.deepEqual(readRoute(writeRoute(route)), route, writeRoute(route));
  assert.equal(writeRoute(HOME), "");
  const columns = ["status", "req.method"];
  assert.equal(writeRoute({ ...HOME, columns }), "?columns=status,req.method");
  assert.deepEqual(readRoute("?columns=status,,req.method,status"), { ...HOME, columns }, "once each, none empty");
  assert.equal(readRoute(`?columns=${"a,b,c,d,e,f,g,h,i,j"}`).columns.length, 8, "bounded");
  assert.equal(writeRoute({ ...HOME, filter: { ...f.EVERYTHING, sources: ["docker:web"] } }), "?source=docker:web");
});

test("a broken address is the plain page", () => {
  for (const query of ["?view=x", "?record=-1&at=abc&context=1e9", "?at=99999999999999999999", "?scope=galaxy"]) {
    assert.deepEqual(readRoute(query), HOME, query);
  }
});
