import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { luminance, readable, stripped, styled } from "../../../src/ui/lib/text/ansi.js";
import { cells, wrapped } from "../../../src/ui/lib/text/cells.js";
import { display, displayText, measure } from "../../../src/ui/lib/text/display.js";
import { jsonLine } from "../../../src/ui/lib/text/json.js";
import { fieldAt, payload } from "../../../src/ui/lib/text/fields.js";
import { found, textMatcher } from "../../../src/ui/lib/text/match.js";
import { masked, maskedValue } from "../../../src/ui/lib/text/secrets.js";
import { afterReturns, expandTabs, pieces } from "../../../src/ui/lib/text/visible.js";

const mode = { raw: false, json: true, full: false };
/** @param {string} message */
const shown = (message) => displayText(display(message, mode));

test("colours and styles become spans", () => {
  const [a, b, c, d] = styled("plain \u001b[1;31mred\u001b[0m \u001b[38;5;208morange\u001b[39m");
  assert.deepEqual([a?.text, a?.style], ["plain ", null]);
  assert.deepEqual([b?.text, b?.style?.fg, b?.style?.bold], ["red", 1, true]);
  assert.deepEqual([c?.text, c?.style], [" ", null]);
  assert.deepEqual([d?.text, d?.style?.fg], ["orange", "#ff8700"]);
});

test("every way to say a colour", () => {
  const fg = (/** @type {string} */ code) => styled(`\u001b[${code}mx`)[0]?.style?.fg;
  assert.equal(fg("97"), 15);
  assert.equal(fg("38;5;9"), 9);
  assert.equal(fg("38;5;244"), "#808080");
  assert.equal(fg("38;2;1;2;300"), "#0102ff");
  assert.equal(fg("38:2::10:20:30"), "#0a141e");
  assert.equal(fg("38:5:196"), "#ff0000");
  assert.equal(styled("\u001b[48;2;1;2;3;1mx")[0]?.style?.bold, true, "codes after a colour count");
  assert.equal(styled("\u001b[104mx")[0]?.style?.bg, 12);
});

test("styles end at their end codes", () => {
  const text = "\u001b[1;2;3;4;7;9ma\u001b[22;23;24;27;29mb";
  assert.deepEqual(styled(text)[0]?.style, {
    fg: null, bg: null, bold: true, dim: true, italic: true, underline: true, strike: true, inverse: true, link: "",
  });
  assert.equal(styled(text)[1]?.style, null);
  assert.equal(styled("\u001b[4ma\u001b[4:0mb")[1]?.style, null);
});

test("other escapes vanish and do nothing", () => {
  for (const text of [
    "a\u001b[2Kb", "a\u001b[?25lb", "a\u001b]0;title\u0007b", "a\u001b]52;c;ZXZpbA==\u001b\\b", "a\u001bPq#0\u001b\\b",
    "a\u001b(Bb", "a\u009b31mb", "a\u001b[>4;2mb", "a\u001b7b", "a\u001bb".replace("b", "cb"), "a\u001b]8;;javascript:alert(1)\u0007b",
  ]) {
    assert.equal(stripped(text), "ab", JSON.stringify(text));
  }
  assert.equal(styled("a\u001b[")[0]?.text, "a", "an unfinished sequence at the end");
});

test("links lead to http only", () => {
  const link = (/** @type {string} */ target) => styled(`\u001b]8;id=1;${target}\u001b\\x\u001b]8;;\u001b\\y`);
  assert.equal(link("https://a.example/b")[0]?.style?.link, "https://a.example/b");
  assert.equal(link("https://a.example/b")[1]?.style, null);
  assert.equal(link("javascript:alert(1)")[0]?.style, null);
  assert.equal(link("data:text/html,x")[0]?.style, null);
});

test("free colours are made readable on either ground", () => {
  for (const color of ["#000000", "#ffffff", "#ffff00", "#0000ff", "#808080"]) {
    const channels = (/** @type {string} */ c) => [1, 3, 5].map((at) => parseInt(c.slice(at, at + 2), 16));
    const light = luminance(...(/** @type {[number, number, number]} */ (channels(readable(color, false)))));
    const dark = luminance(...(/** @type {[number, number, number]} */ (channels(readable(color, true)))));
    assert.ok(1.05 / (light + 0.05) >= 4.5, `${color} on white`);
    assert.ok((dark + 0.05) / (0.0075 + 0.05) >= 4.5, `${color} on near black`);
  }
});

test("hidden characters are named", () => {
  const text = (/** @type {string} */ t) => pieces(t).map((p) => (p.hidden ? `<${p.text}>` : p.text)).join("");
  assert.equal(text("a\u0000b\u007f"), "a<NUL>b<DEL>");
  assert.equal(text("\u202eevil\u202c"), "<RLO>evil<PDF>");
  assert.equal(text("\u2066x\u2069\u200bz\ufeff"), "<LRI>x<PDI><ZWSP>z<BOM>");
  assert.equal(text("\ud800x"), "<U+D800>x");
  assert.equal(text("\u{e0041}"), "<U+E0041>");
  assert.equal(text("plain \u00e4 \u4e2d"), "plain \u00e4 \u4e2d");
  const family = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}";
  assert.equal(text(family), family, "joined emoji stay whole");
  assert.equal(text("a\u200db"), "a<ZWJ>b");
});

test("progress lines end in their last state", () => {
  assert.deepEqual(afterReturns("10%\r20%\r30%"), { text: "30%", overwritten: 2 });
  assert.deepEqual(afterReturns("30%\r\u001b[K"), { text: "30%", overwritten: 0 });
  assert.deepEqual(afterReturns("plain"), { text: "plain", overwritten: 0 });
  assert.equal(shown("10%\r20%\r"), "20% \u21ba1");
  assert.equal(shown("windows\r\nlines\r\n"), "windows\nlines");
});

test("tabs go to the next stop", () => {
  assert.equal(expandTabs("a\tb"), `a${" ".repeat(7)}b`);
  assert.equal(expandTabs("\t", 9), " ".repeat(7));
});

test("json lines say their message first", () => {
  assert.deepEqual(jsonLine('{"level":"info","msg":"hello","port":80,"user":"a b"}'), {
    message: "hello", fields: [["port", "80"], ["user", '"a b"']],
  });
  assert.equal(jsonLine("{not json}"), null);
  assert.equal(jsonLine('["a"]'), null);
  assert.equal(jsonLine("{}"), null);
  assert.equal(shown('{"msg":"hello","port":80}'), "hello  port=80");
  assert.equal(shown('{"port":80,"a":{"b":1}}'), 'port=80  a={"b":1}');
});

test("the second net catches what the redaction of the core families is shown by", () => {
  const spec = readFileSync(new URL("../../../format-spec/redaction.md", import.meta.url), "utf8").split("\n");
  const families = ["anthropic-key", "bearer", "key-value", "aws-access-key", "ambiguous-name", "cli-flag", "basic-auth", "url-password", "jwt",
    "github-token", "gitlab-token", "slack-token", "stripe-key", "google-key", "openai-key", "npm-token", "pypi-token", "docker-token", "digitalocean-token",
    "sendgrid-key", "vendor-token", "cookie", "set-cookie"];
  let family = "";
  const shown = new Set();
  spec.forEach((line, at) => {
    family = /^#+ `?([a-z-]+)`?$/.exec(line)?.[1] ?? family;
    if (!line.startsWith("=> ") || !families.includes(family)) return;
    shown.add(family);
    const before = spec[at - 1] ?? "";
    assert.ok(masked(before).text.includes("[REDACTED]"), `${family}: ${before}`);
  });
  assert.deepEqual([...shown].sort(), [...families].sort());
  assert.equal(masked("cloning https://bob:hun@ter2@git.example.com/x.git").text, "cloning https://bob:[REDACTED]@git.example.com/x.git");
});

test("a second net for secrets", () => {
  for (const [text, expected] of [
    ["key sk-ant-api03-abcdefgh12345678", "key sk-ant-[REDACTED]"],
    ["Authorization: Bearer abc.def-ghi_jkl", "Authorization: Bearer [REDACTED]"],
    ["AKIAIOSFODNN7EXAMPLE", "AKIA[REDACTED]"],
    ["postgres://user:hunter22@db/x", "postgres://user:[REDACTED]@db/x"],
    ["DB_PASSWORD=correct-horse", "DB_PASSWORD=[REDACTED]"],
    ['{"token": "abcdefgh1234"}', '{"token": "[REDACTED]"}'],
    ["password=[REDACTED]", "password=[REDACTED]"],
    ["tokens: 1234", "tokens: 1234"],
    ["the key is under the mat", "the key is under the mat"],
    ["Basic authentication", "Basic authentication"],
  ]) {
    assert.equal(masked(/** @type {string} */ (text)).text, expected);
  }
  assert.deepEqual(maskedValue({ a: ["Bearer abcdefgh123"], password: "correct-horse", n: 1 }), {
    a: ["Bearer [REDACTED]"], password: "[REDACTED]", n: 1,
  });
  const spans = display("DB_PASSWORD=correct-horse x", mode).lines[0];
  assert.deepEqual(spans?.map((span) => [span.text, span.kind]), [["DB_PASSWORD=", ""], ["[REDACTED]", "redacted"], [" x", ""]]);
  assert.match(spans?.[1]?.hint ?? "", /assigned/);
});

test("long messages are folded and cut, and whole when asked", () => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`).join("\n");
  const folded = display(lines, mode);
  assert.deepEqual([folded.lines.length, folded.foldAt, folded.folded], [6, 4, 24]);
  assert.equal(displayText(folded).split("\n").at(-1), "line 29");
  assert.equal(display(lines, { ...mode, full: true }).lines.length, 30);
  const long = display("x".repeat(10_000), mode);
  assert.deepEqual([displayText(long).length, long.cutChars], [1024, 8976]);
  assert.equal(display("x".repeat(10_000), { ...mode, full: true }).cutChars, 0);
  assert.ok(!/\ud83d$/.test(displayText(display(`${"x".repeat(1023)}\u{1f600}`, mode))));
});

test("heights are those of the shown text", () => {
  for (const message of [
    "", "short", "x".repeat(100), "x".repeat(101), "a\nb\nc", "\u001b[31mred\u001b[0m", "\tx", "10%\r20%",
    '{"msg":"hello","port":80}', "DB_PASSWORD=correct-horse", "x".repeat(9000), Array(30).fill("y").join("\n"), Array(500).fill("z".repeat(300)).join("\n"), `${"word ".repeat(80)}end`,
  ]) {
    const made = display(message, mode);
    const expected = made.lines.reduce(
      (sum, line) => sum + wrapped(line.map((span) => span.text).join(""), 100), (made.foldAt >= 0 ? 1 : 0) + (made.cutChars > 0 ? 1 : 0),
    );
    assert.equal(measure(message, mode, 100).lines, expected, message.slice(0, 30));
  }
  assert.equal(measure("x".repeat(300), mode, 0).lines, 1, "no wrap");
  assert.equal(measure("x".repeat(300), mode, 0).width, 300);
  assert.deepEqual(measure("\u4e2d\u6587", mode, 3), { lines: 2, width: 4, exact: false });
});

test("cells of wide and combining characters", () => {
  assert.equal(cells("abc"), 3);
  assert.equal(cells("\u4e2d"), 2);
  assert.equal(cells("e\u0301"), 1);
  assert.equal(cells("\u{1f600}"), 2);
  const lines = (/** @type {string} */ text) => wrapped(text, 10);
  assert.deepEqual(["", "x".repeat(10), "x".repeat(11)].map(lines), [1, 1, 2]);
  assert.equal(lines("aaaa bbbb cccc"), 2, "words are whole");
  assert.equal(lines("aaaaaa bbbbbb cccccc"), 3);
  assert.equal(lines("x".repeat(18)), 2, "further lines are indented");
  assert.equal(lines("x".repeat(19)), 3);
  assert.equal(lines("aaaaaaaaaa   "), 1, "blanks at the end of a line take no room");
  assert.equal(lines("\u4e2d".repeat(6)), 2);
});

test("a text is found in any case", () => {
  assert.deepEqual(textMatcher("a.c")?.("A.C abc a.c"), [[0, 3], [8, 11]]);
  assert.equal(textMatcher(""), null);
  assert.equal(textMatcher("a")?.("a".repeat(1000)).length, 200);
});

test("what the server found is highlighted as it is shown", () => {
  const entry = (/** @type {object} */ part) => /** @type {import("../../../src/ui/lib/types.js").Entry} */ (/** @type {unknown} */ ({ message: "", metadata: null, ...part }));
  assert.equal(found(entry({ message: "x" })), null, "it was not asked");
  const bytes = found(entry({ message: "\u00e4\u00e4 fehler", positions: { message: [[5, 11]], metadata: {} } }));
  assert.deepEqual(bytes?.("\u00e4\u00e4 fehler"), [[3, 9]], "positions are bytes");
  const styled = found(entry({ message: "\u001b[31mre\u001b[0md x", positions: { message: [[0, 12]], metadata: {} } }));
  assert.deepEqual(styled?.("red x"), [[0, 3]]);
  const deep = found(entry({ metadata: { req: { "a.b": "find me" } }, positions: { message: [], metadata: { "req.a.b": [[0, 4]] } } }));
  assert.deepEqual(deep?.("req.a.b=find me"), [[8, 12]]);
  assert.deepEqual(found(entry({ message: "x", positions: { message: [], metadata: {} } }))?.("x"), [], "nothing else is");
});

test("a column shows one field, wherever it is in the record", () => {
  const metadata = { unit: "ssh.service", res: { statusCode: 502 }, "a.b": 1, list: [1, 2], empty: "", long: "x".repeat(200) };
  assert.deepEqual(fieldAt(metadata, "unit"), ["unit", "ssh.service", ""]);
  assert.deepEqual(fieldAt(metadata, "res.statusCode"), ["res.statusCode", "502", "bad"]);
  assert.deepEqual(fieldAt(metadata, "a.b"), ["a.b", "1", ""]);
  assert.equal(fieldAt(metadata, "list")?.[1], "[1,2]");
  assert.equal(fieldAt(metadata, "long")?.[1].length, 80);
  for (const path of ["nothing", "unit.deeper", "res.x.y", "empty"]) assert.equal(fieldAt(metadata, path), null, path);
  assert.equal(fieldAt(null, "unit"), null);
  assert.deepEqual(payload({ status: 500, took: 3 }, ["status"]), [["took", "3", ""]], "a column's field is not said twice");
});

test("rows show the payload of structured records, trouble in color, origin not at all", () => {
  const fields = payload({ container_id: "3f", hostname: "web", boot_id: "b", responseTime: 205, req: { method: "GET", url: "/a b", headers: { x: { y: 1 } } }, res: { statusCode: 502 }, note: "", _x: 1 });
  assert.deepEqual(fields.map(([key, value, tone]) => [key, value, tone]), [
    ["req.method", "GET", ""], ["req.url", '"/a b"', ""], ["res.statusCode", "502", "bad"], ["responseTime", "205", ""], ["req.headers.x", '{"y":1}', ""],
  ]);
  assert.deepEqual(payload({ pid: 1, unit: "x" }), []);
  assert.ok(payload(Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`key${at}`, "v".repeat(200)]))).length < 6, "bounded");
  const shownFields = displayText(display("done", { ...mode, fields }));
  assert.match(shownFields, /^done {2}req\.method=GET {2}req\.url="\/a b" {2}res\.statusCode=502/);
  assert.equal(displayText(display("done", { ...mode, raw: true, fields })), "done");
});

test("addresses become links, a bad status of an access log is highlighted", () => {
  const kinds = (/** @type {string} */ text) => display(text, mode).lines[0]?.filter(({ kind }) => kind).map(({ text: part, kind }) => [part, kind]);
  assert.deepEqual(kinds("see https://example.org/a(b)?c=1, or http://x."), [["https://example.org/a", "link"], ["http://x", "link"]]);
  assert.deepEqual(kinds('"GET / HTTP/1.1" 502 12'), [["502", "bad"]]);
  assert.deepEqual(kinds('"GET / HTTP/2.0" 404 12'), [["404", "doubtful"]]);
  assert.deepEqual(kinds('"GET / HTTP/1.1" 200 502'), []);
  assert.deepEqual(kinds("ftp://x javascript:alert(1)"), []);
});
