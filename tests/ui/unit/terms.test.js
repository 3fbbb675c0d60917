import assert from "node:assert/strict";
import { test } from "node:test";
import * as t from "../../../src/ui/lib/query/terms.js";

const texts = (/** @type {string} */ query) => t.terms(query).map(({ text }) => text);

test("an expression is cut at blanks outside quotes, regexes and brackets", () => {
  assert.deepEqual(texts("a  b"), ["a", "b"]);
  assert.deepEqual(texts("\"a b\" -\"c \\\" d\""), ["\"a b\"", "-\"c \\\" d\""]);
  assert.deepEqual(texts("/retry \\d+/ x"), ["/retry \\d+/", "x"]);
  assert.deepEqual(texts("/var/log x"), ["/var/log", "x"], "a path is not a regex");
  assert.deepEqual(texts("path:/users\\/\\d+/ x"), ["path:/users\\/\\d+/", "x"]);
  assert.deepEqual(texts("status:(500 OR 502) main() y"), ["status:(500 OR 502)", "main()", "y"]);
  assert.deepEqual(texts("a AND b NOT c"), ["a", "b", "NOT c"]);
  assert.deepEqual(texts("a OR b c"), ["a OR b c"], "OR keeps its parts together");
  assert.deepEqual(texts("\"open"), ["\"open"]);
  assert.deepEqual(texts(""), []);
  for (const { text, from, to } of t.terms("x -(a b) \"c d\"")) assert.equal("x -(a b) \"c d\"".slice(from, to), text);
});

test("a term says what it compares", () => {
  assert.deepEqual(t.simple("status>=500"), { negated: false, key: "status", operator: ">=", value: "500", kind: "word" });
  assert.deepEqual(t.simple("-unit:\"a b\""), { negated: true, key: "unit", operator: ":", value: "a b", kind: "phrase" });
  assert.deepEqual(t.simple("status:>=500")?.operator, ">=");
  assert.deepEqual(t.simple("NOT x"), { negated: true, key: "", operator: "", value: "x", kind: "word" });
  assert.equal(t.simple("/a b/")?.kind, "regex");
  assert.equal(t.simple("http://host/")?.key, "", "an address is a text");
  assert.equal(t.simple("12:30")?.key, "");
  assert.equal(t.simple("(a b)"), null);
  assert.equal(t.simple("status:(1 OR 2)"), null);
});

test("joined terms all match, and a value is quoted where it must be", () => {
  assert.equal(t.joined(["a", "", "b OR c"]), "a (b OR c)");
  assert.equal(t.joined(["b OR c"]), "b OR c");
  assert.equal(t.fieldTerm("unit", "ssh.service", false), "unit:ssh.service");
  assert.equal(t.fieldTerm("exit_code", 0, true), "-exit_code:0");
  assert.equal(t.fieldTerm("req.url", "/a b", false), "req.url:\"/a b\"");
  assert.equal(t.fieldTerm("req.url", "/", false), "req.url:\"/\"", "a slash would begin a regex");
  assert.equal(t.fieldTerm("odd key", "x", false), "\"odd key\":x");
  assert.equal(t.fieldTerm("a", { b: 1 }, false), null);
  assert.equal(t.textTerm("a:b"), "\"a:b\"");
  assert.equal(t.textTerm("OR"), "\"OR\"");
  assert.equal(t.negated("a"), "-a");
  assert.equal(t.negated("-a"), "a");
  assert.equal(t.negated("a OR b"), "-(a OR b)");
});

test("the term that is being written is known with its key", () => {
  const at = (/** @type {string} */ text, cursor = text.length) => {
    const { from, lead, key, operator, partial } = t.termAt(text, cursor);
    return [from, lead, key, operator, partial];
  };
  assert.deepEqual(at("lev"), [0, "", "", "", "lev"]);
  assert.deepEqual(at("a -unit:ss"), [2, "-", "unit", ":", "ss"]);
  assert.deepEqual(at("status>=50"), [0, "", "status", ">=", "50"]);
  assert.deepEqual(at("unit:\"a b"), [0, "", "unit", ":", "a b"]);
  assert.deepEqual(at("a "), [2, "", "", "", ""]);
  assert.deepEqual(at("level:err x", 9), [0, "", "level", ":", "err"]);
});

test("plain texts are searched for while they are typed, unfinished expressions are not", () => {
  for (const text of ["refused", "connection refused", "\"a b\" c", "-debug", ""]) assert.ok(t.isText(text), text);
  for (const text of ["level:", "level:er", "\"open", "a OR", "a OR b", "/re/", "/re", "NOT", "status>5"]) assert.ok(!t.isText(text), text);
});

test("texts of an expression are highlighted, those of negations and fields are not", () => {
  const found = (/** @type {string} */ query, /** @type {string} */ text) => [...text.matchAll(t.textsOf(query) ?? /(?!)/g)].map(([match]) => match);
  assert.deepEqual(found("refused -debug level:error \"a.b\"", "Refused debug a.b axb"), ["Refused", "a.b"]);
  assert.deepEqual(found("re*used /\\d+/", "reXused 12"), ["reXused", "12"]);
  assert.equal(t.textsOf("unit:ssh"), null);
  assert.equal(t.textsOf("/(/"), null, "what this browser cannot read is not highlighted");
});
