// Every text of the page is in one file, to be read as a whole: `UI_WRITE_STRINGS=1 tools/ui-test unit` writes it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { literals, strings } from "../lib/strings.js";

const UI = new URL("../../../src/ui/", import.meta.url);
const LIST = new URL("../strings.txt", import.meta.url);

test("strings and templates are found, also inside each other", () => {
  const source = "const a = \"One thing\"; // \"not this\"\nconst r = /\"[/]/g;\nconst b = html`<p title=\"A hint\">Text of ${n > 1 ? `${n} things` : \"one thing \\\"x\\\"\"} here</p>`;";
  assert.deepEqual(literals(source).map(({ text }) => text), ["One thing", "{} things", "one thing \\\"x\\\"", "<p title=\"A hint\">Text of {} here</p>"]);
  assert.deepEqual(strings(source), ["One thing", "one thing \"x\"", "A hint", "Text of {} here"]);
});

test("every text of the page is in the list, which is read as a whole", () => {
  const names = readdirSync(UI, { recursive: true }).map(String).filter((name) => name.endsWith(".js") && !name.startsWith("vendor/")).sort();
  const parts = names.map((name) => ({ name, said: strings(readFileSync(new URL(name, UI), "utf8")) })).filter(({ said }) => said.length > 0);
  const text = parts.map(({ name, said }) => `## ${name}\n\n${said.join("\n")}\n`).join("\n");
  if (process.env.UI_WRITE_STRINGS) writeFileSync(LIST, text);
  assert.equal(text, readFileSync(LIST, "utf8"), "a text has changed: write the list anew, and read it");
});
