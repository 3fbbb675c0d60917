import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { test } from "node:test";
import { EVERYTHING } from "../../../src/ui/lib/query/filter.js";
import { commandLine, curl } from "../../../src/ui/lib/query/command.js";
import * as h from "../../../src/ui/lib/histogram.js";
import { EventParser } from "../../../src/ui/lib/sse.js";
import { Title, titled } from "../../../src/ui/lib/title.js";
import { bytes, metricsOf } from "../../../src/ui/lib/metrics.js";
import { grouped, hueOf, listedName, shortName, tally } from "../../../src/ui/lib/sources.js";

const ui = new URL("../../../src/ui/", import.meta.url);

/** Every file that the page is made of, by its path. */
const files = new Map(
  readdirSync(ui, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(new URL(name, ui)).isFile() && !name.endsWith(".d.ts"))
    .map((name) => [name, readFileSync(new URL(name, ui), "utf8")]),
);

test("events are read however the stream is cut", () => {
  const stream = 'retry: 1500\nid: 7\n\n: keep-alive\n\nid: 8\ndata: {"a":1}\n\nevent: gap\r\ndata: x\r\ndata: y\r\n\r\nevent: end\rdata\r\r\n';
  const expected = [
    { event: "message", data: '{"a":1}', id: "8" }, { event: "gap", data: "x\ny", id: "8" }, { event: "end", data: "", id: "8" },
  ];
  for (let size = 1; size <= stream.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...parser.push(stream.slice(at, at + size)));
    assert.deepEqual(events, expected, `pieces of ${size}`);
    assert.equal(parser.retry, 1500);
  }
});

test("an id before any record is kept", () => {
  const parser = new EventParser();
  parser.push("id: 41\n\n");
  assert.equal(parser.lastId, "41");
});

test("sources are grouped by kind and keep their colour", () => {
  const sources = ["system:ssh.service", "docker:b", "docker:a", "cloud-init", "odd:x"].map((name) => ({
    name, label: name, entryCount: 2, levels: { info: 1, error: 1 },
  }));
  assert.deepEqual(grouped(sources).map((group) => [group.title, group.prefix, group.count]), [
    ["Provisioning", "", 2], ["Docker", "docker:", 4], ["System", "system:", 2], ["Odd", "odd:", 2],
  ]);
  assert.deepEqual(grouped(sources)[1]?.sources.map((source) => source.name), ["docker:a", "docker:b"]);
  const bare = ["build", "cloud-init", "odd:x"].map((name) => ({ name, label: name, entryCount: 1, levels: {} }));
  assert.deepEqual(grouped(bare).map(({ title, prefix }) => [title, prefix]), [["Provisioning", ""], ["Odd", "odd:"], ["Other", ""]]);
  assert.equal(shortName("system:ssh.service"), "ssh");
  assert.deepEqual(["system:docker-", "system:sshd@", "docker:a-b"].map(listedName), ["docker-*", "sshd@*", "a-b"]);
  const kinds = ["event:vm", "command:sh", "pod:x/y/z", "podman:db", "system:ssh"].map((name) => ({ name, label: name, entryCount: 1, levels: {} }));
  assert.deepEqual(grouped(kinds).map(({ title }) => title), ["Podman", "Pods", "System", "Commands", "Events"]);
  assert.equal(hueOf("docker:a"), hueOf("docker:a"));
  const hues = new Set(Array.from({ length: 200 }, (_, i) => hueOf(`docker:ws-${i}`)));
  assert.equal(hues.size, 12, "all hues are used");
  const counts = tally(sources, (name) => name !== "odd:x", ["error"]);
  assert.deepEqual([counts.total, counts.byLevel.info, counts.bySource.get("odd:x")], [4, 4, 1]);
});

test("a drag on the histogram is whole buckets", () => {
  const counts = { debug: 0, info: 0, warn: 0, error: 0 };
  const buckets = Array.from({ length: 10 }, (_, i) => ({ ms: i * 1000, counts, total: i }));
  const histogram = { startMs: 0, endMs: 10_000, bucketMs: 1000, buckets };
  assert.deepEqual(h.dragged(histogram, 0.25, 0.51), { startMs: 2000, endMs: 6000 });
  assert.deepEqual(h.dragged(histogram, 0.55, 0.55), { startMs: 5000, endMs: 6000 });
  assert.deepEqual(h.dragged(histogram, 1.2, -1), { startMs: 0, endMs: 10_000 });
  assert.equal(h.peak(histogram), 9);
  assert.match(h.inWords(histogram, true), /^45 records, of them 0 errors/);
  assert.ok(h.ticks(histogram, 6, true).length <= 6);
});

test("numbers are short where they must be", () => {
  assert.deepEqual([0, 999, 1000, 1234, 9999, 34_567, 999_499, 5_600_000].map(h.brief),
    ["0", "999", "1k", "1.2k", "10k", "35k", "999k", "5.6M"]);
  assert.equal(h.count(1, "record"), "1 record");
  assert.equal(h.count(1243, "record"), "1,243 records");
});

test("commands are quoted for a shell", () => {
  const filter = { ...EVERYTHING, sources: ["docker:web"], q: "it's $HOME", levels: /** @type {const} */ (["error"]) };
  const text = curl(filter, "http://h:1/");
  assert.match(text, /^curl -sG http:\/\/h:1\/logs -H "Authorization: Bearer \$LOG_API_TOKEN" /);
  assert.ok(text.endsWith("--data-urlencode source=docker:web --data-urlencode level=error --data-urlencode 'q=it'\\''s $HOME'"), text);
  assert.equal(commandLine(filter, "http://h:1/"), "vmlog query --url=http://h:1 --source=docker:web --level=error -- 'it'\\''s $HOME'");
});

test("vendored files are those whose sums are written down", () => {
  const sums = (files.get("vendor/SHA256SUMS") ?? "").trim().split("\n");
  assert.equal(sums.length, 6);
  for (const line of sums) {
    const [sum, name] = line.split("  ");
    const digest = createHash("sha256").update(files.get(`vendor/${name}`) ?? "").digest("hex");
    assert.equal(digest, sum, name);
  }
});

test("nothing in the page writes markup or runs text", () => {
  for (const [name, text] of files) {
    if (!/\.(js|html)$/.test(name) || name.startsWith("vendor/")) continue;
    for (const word of ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "<style", " style=\"", "onclick="]) {
      assert.ok(!text.includes(word), `${name}: ${word}`);
    }
  }
});

test("every module is used, on one line an import, and none imports itself", () => {
  assert.match(files.get("app.js") ?? "", /import\("\.\/rest\.js"\)/, "the first script loads the rest");
  const used = new Set(["app.js", "first.js", "rest.js"]);
  for (const name of used) {
    const text = files.get(name) ?? "";
    if (!name.startsWith("vendor/")) {
      const lines = text.split("\n").filter((line) => /^(?:import|export)\s/.test(line));
      for (const line of lines) assert.match(line, /^import (?:[\w*{][^"]* from )?"\.[^"]+";$|^export (?:const|function\*?|async function|class) /, `${name}: the build reads lines like ${line}`);
    }
    for (const match of text.matchAll(/(?:^|\n|;|\})\s*(?:import|export)\s*[^"';]*?from\s*"(\.[^"]+)"/g)) used.add(new URL(match[1] ?? "", `file:///${name}`).pathname.slice(1));
  }
  const scripts = [...files.keys()].filter((name) => name.endsWith(".js") && name !== "lib/types.js").sort();
  assert.deepEqual([...used].filter((name) => name !== "lib/types.js").sort(), scripts);
});

test("folders are small", () => {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const name of files.keys()) counts.set(name.slice(0, name.lastIndexOf("/") + 1), (counts.get(name.slice(0, name.lastIndexOf("/") + 1)) ?? 0) + 1);
  assert.deepEqual([...counts].filter(([, n]) => n > 16), []);
});

test("every style sheet is linked for development, and imported for the build", () => {
  const sheets = [...files.keys()].filter((name) => name.startsWith("style/") && name !== "style/page.css").map((name) => name.slice(6)).sort();
  const imported = [...(files.get("style/page.css") ?? "").matchAll(/@import "\.\/([^"]+)";/g)].map((match) => match[1]).sort();
  assert.deepEqual(imported, sheets);
  const linked = [...(files.get("index.html") ?? "").matchAll(/stylesheet" href="ui\/style\/([^"]+)"/g)].map((match) => match[1]).sort();
  assert.deepEqual(linked, sheets);
});

test("metrics are read, with labels added up", () => {
  const values = metricsOf("# HELP a text\na 5\nb{x=\"1\"} 2\nb{x=\"2\"} 3.5\nc NaN\n");
  assert.deepEqual([values.get("a"), values.get("b")], [5, 5.5]);
  assert.deepEqual([0, 999, 4_900_000, 512e6].map(bytes), ["0 B", "999 B", "4.9 MB", "512 MB"]);
});

test("the histogram is to scale, but a single error is seen", () => {
  const bucket = (/** @type {number} */ error, /** @type {number} */ info) => ({ ms: 0, counts: { debug: 0, info, warn: 1, error }, total: error + info + 1 });
  const paths = new Map(h.bars({ startMs: 0, endMs: 2, bucketMs: 1, buckets: [bucket(1, 9998), bucket(0, 100)] }, 56));
  const height = (/** @type {string | undefined} */ path) => [...(path ?? "").matchAll(/M[\d.]+ ([\d.]+)V([\d.]+)/g)].map((match) => Number(match[1]) - Number(match[2]));
  assert.ok(Math.abs((height(paths.get("error"))[0] ?? 0) - 1.5) < 0.02);
  assert.ok(height(paths.get("warn")).every((tall) => tall < 0.5), "warnings are not exaggerated");
});

test("the title counts what arrives while the page is hidden, and only then", () => {
  const listeners = [];
  const page = { title: "vmlog", hidden: false, addEventListener: (_, listener) => listeners.push(listener) };
  const title = new Title(page);
  title.add();
  assert.equal(page.title, "vmlog");
  page.hidden = true;
  for (const look of listeners) look();
  title.add();
  title.add();
  assert.equal(page.title, "(2) vmlog");
  page.hidden = false;
  for (const look of listeners) look();
  assert.equal(page.title, "vmlog");
  assert.equal(titled("vmlog", 1000), "(999+) vmlog");
});
