import assert from "node:assert/strict";
import { test } from "node:test";
import { Geometry } from "../../../src/ui/lib/rows/geometry.js";
import { causeOf, itemsOf, lastEntry, rowItem } from "../../../src/ui/lib/rows/items.js";
import { Ring } from "../../../src/ui/lib/rows/ring.js";

let nextId = 1;
/** @param {Partial<import("../../../src/ui/lib/types.js").Entry>} [part] */
function entry(part = {}) {
  const id = nextId++;
  return {
    id, ms: 1_771_338_615_000 + id, timestamp: "", source: "a", level: /** @type {const} */ ("info"),
    message: `m${id}`, metadata: null, ...part,
  };
}

/** @param {number} height */
const item = (height) => Object.assign(rowItem(entry()), { height });

/** A small seeded generator, so that a failure can be had again. @param {number} seed */
function random(seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("geometry against a plain list", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const roll = random(seed);
    const geometry = new Geometry();
    /** @type {import("../../../src/ui/lib/rows/items.js").Item[]} */
    let model = [];
    for (let step = 0; step < 200; step += 1) {
      const some = Array.from({ length: roll(80) }, () => item(10 + roll(50)));
      const choice = roll(7);
      if (choice <= 1) {
        geometry.append(some);
        model.push(...some);
      } else if (choice === 2) {
        const moved = geometry.prepend(some);
        assert.equal(moved, some.reduce((sum, one) => sum + one.height, 0));
        model.unshift(...some);
      } else if (choice === 3 && model.length > 0) {
        const one = /** @type {typeof some[0]} */ (model[roll(model.length)]);
        geometry.setHeight(one, 5 + roll(100));
      } else if (choice === 4) {
        assert.equal(geometry.shift(), model.shift());
      } else if (choice === 5) {
        const { items } = roll(2) ? geometry.dropFront(900) : geometry.dropBack(900);
        const gone = new Set(items);
        model = model.filter((one) => !gone.has(one));
        assert.ok(model.length <= 900);
      } else if (model.length > 0) {
        const one = /** @type {typeof some[0]} */ (model[roll(model.length)]);
        geometry.replace(one, some);
        model.splice(model.indexOf(one), 1, ...some);
      }
      check(geometry, model, roll, `seed ${seed}, step ${step}`);
    }
  }
});

/**
 * @param {Geometry} geometry
 * @param {import("../../../src/ui/lib/rows/items.js").Item[]} model
 * @param {(below: number) => number} roll
 * @param {string} at
 */
function check(geometry, model, roll, at) {
  const total = model.reduce((sum, one) => sum + one.height, 0);
  assert.deepEqual([geometry.count, geometry.height], [model.length, total], at);
  const top = roll(total + 1);
  const bottom = top + roll(500);
  let y = 0;
  const expected = model.filter((one) => {
    const inside = y < bottom && y + one.height > top;
    y += one.height;
    return inside;
  });
  const found = geometry.between(top, bottom);
  assert.deepEqual(found.items.map((one) => one.entry.id), expected.map((one) => one.entry.id), at);
  const first = expected[0];
  if (first) {
    const index = model.indexOf(first);
    assert.equal(found.startIndex, index, at);
    assert.equal(found.start, model.slice(0, index).reduce((sum, one) => sum + one.height, 0), at);
    assert.equal(geometry.topOf(first), found.start, at);
    const [next] = geometry.walk(first, 1);
    const [previous] = geometry.walk(first, -1);
    assert.equal(next, model[index + 1], at);
    assert.equal(previous, model[index - 1], at);
  }
  assert.equal(geometry.first(), model[0], at);
  assert.equal(geometry.last(), model.at(-1), at);
}

test("a record is found in its item, or the next after it", () => {
  const geometry = new Geometry();
  const [a, b, c] = [entry({ id: 10 }), entry({ id: 20, message: "m" }), entry({ id: 30, message: "m" })];
  const items = itemsOf([a, b, c], { utc: true });
  geometry.append(items);
  assert.equal(items.length, 2, "the last two are one repeat");
  assert.equal(geometry.find(10)?.entry.id, 10);
  assert.equal(geometry.find(11)?.entry.id, 20);
  assert.equal(geometry.find(30)?.entry.id, 20);
  assert.equal(geometry.find(31), undefined);
});

test("repeats are counted, only direct ones of the same source and level", () => {
  const items = itemsOf([
    entry({ message: "x" }), entry({ message: "x" }), entry({ message: "x" }),
    entry({ message: "x", source: "b" }), entry({ message: "x", source: "b", level: "error" }),
  ], { utc: true });
  assert.deepEqual(items.map((one) => [one.group, one.rest.length]), [["repeat", 2], ["", 0], ["", 0]]);
});

test("continuation lines are folded under their head", () => {
  const trace = ["java.lang.Error: no", "\tat a.b(C.java:1)", "\tat a.c(C.java:2)", "Caused by: x", "\tat d", "done"];
  const items = itemsOf(trace.map((message) => entry({ message })), { utc: true });
  assert.deepEqual(items.map((one) => [one.entry.message, one.group, one.rest.length]), [
    ["java.lang.Error: no", "trace", 4], ["done", "", 0],
  ]);
  const short = itemsOf(["head", "\tat a", "\tat b"].map((message) => entry({ message })), { utc: true });
  assert.equal(short.length, 3, "too short to fold");
  const mixed = itemsOf([entry({ message: "head" }), entry({ message: "\ta" }), entry({ message: "\tb", source: "b" }),
    entry({ message: "\tc" })], { utc: true });
  assert.equal(mixed.length, 4);
});

test("a trace that the server marked is folded whatever it looks like, under its exception", () => {
  const mark = { metadata: { continues: true } };
  const python = itemsOf([entry({ message: "job 8812 failed", level: "error" }), entry({ message: "Traceback (most recent call last):", level: "error" }),
    entry({ message: '  File "a.py", line 1', level: "error", ...mark }), entry({ message: "KeyError: 'XK'", level: "error", ...mark }), entry({ message: "next" })], { utc: true });
  assert.deepEqual(python.map((one) => [one.entry.message, one.rest.length]), [["job 8812 failed", 3], ["next", 0]]);
  assert.equal(causeOf(/** @type {any} */ (python[0])), "KeyError: 'XK'");
  const [java] = itemsOf([entry({ message: "ERROR threw exception" }), ...["a.b.DataException: no connection", "\tat x", "Caused by: c.SQLException: refused", "\t... 3 more", "Caused by: java.net.ConnectException: Connection refused"]
    .map((message) => entry({ message, ...mark }))], { utc: true });
  assert.equal(causeOf(/** @type {any} */ (java)), "a.b.DataException: no connection, caused by java.net.ConnectException: Connection refused");
  const [node] = itemsOf([entry({ message: "TypeError: x is undefined" }), entry({ message: "    at f (a.js:1)", ...mark })], { utc: true });
  assert.equal(causeOf(/** @type {any} */ (node)), "", "its head says it");
});

test("repeats with other fields are not repeats", () => {
  const of = (/** @type {string} */ url) => entry({ message: "done", metadata: { pid: 1, url } });
  assert.deepEqual(itemsOf([of("/a"), of("/a"), of("/b")], { utc: true }).map((one) => one.rest.length), [1, 0]);
});

test("a group continues in the next batch", () => {
  const [head] = itemsOf([entry({ message: "x" })], { utc: true });
  const more = itemsOf([entry({ message: "x" }), entry({ message: "y" })], { utc: true, previous: head });
  assert.equal(head?.rest.length, 1);
  assert.deepEqual(more.map((one) => one.entry.message), ["y"]);
  assert.equal(lastEntry(/** @type {NonNullable<typeof head>} */ (head)).message, "x");
});

test("days, silences and boots are marked", () => {
  const ms = Date.parse("2026-02-17T23:59:00Z");
  const items = itemsOf([
    entry({ ms, metadata: { boot_id: "a" } }), entry({ ms: ms + 30_000, metadata: { boot_id: "a" } }),
    entry({ ms: ms + 90_000, metadata: { boot_id: "b" } }), entry({ ms: ms + 3_600_000 }), entry({ ms }),
  ], { utc: true });
  assert.deepEqual(items.map((one) => one.before.map((mark) => mark.kind)), [[], [], ["boot", "day"], ["gap"], ["day"]]);
});

test("the ring keeps the newest and counts the rest", () => {
  const ring = new Ring(3);
  const out = [1, 2, 3, 4, 5].map((n) => ring.push(n));
  assert.deepEqual(out, [undefined, undefined, undefined, 1, 2]);
  assert.deepEqual(ring.toArray(), [3, 4, 5]);
  assert.deepEqual(ring.take(), { values: [3, 4, 5], dropped: 2 });
  assert.deepEqual([ring.size, ring.dropped], [0, 0]);
  for (let n = 0; n < 25_000; n += 1) ring.push(n);
  assert.deepEqual(ring.toArray(), [24_997, 24_998, 24_999]);
});
