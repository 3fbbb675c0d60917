// Makes src/ui/vendor from the pinned packages: one file a module, bare imports made relative, so that the page
// needs neither a bundler nor an import map. `node vendor.mjs --check` only compares.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const here = new URL(".", import.meta.url);
const target = new URL("../../src/ui/vendor/", here);

const FILES = [
  { name: "preact.js", package: "preact", file: "dist/preact.mjs" },
  { name: "hooks.js", package: "preact", file: "hooks/dist/hooks.mjs" },
  { name: "htm.js", package: "htm", file: "dist/htm.mjs" },
  { name: "signals-core.js", package: "@preact/signals-core", file: "dist/signals-core.mjs" },
  { name: "signals.js", package: "@preact/signals", file: "dist/signals.mjs" },
];

/** @type {[RegExp, string][]} */
const IMPORTS = [
  [/from"preact\/hooks"/g, 'from"./hooks.js"'],
  [/from"preact"/g, 'from"./preact.js"'],
  [/from"@preact\/signals-core"/g, 'from"./signals-core.js"'],
];

/** @param {{package: string, file: string}} source */
function made(source) {
  const root = new URL(`node_modules/${source.package}/`, here);
  const about = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  let text = readFileSync(new URL(source.file, root), "utf8").replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "");
  for (const [bare, relative] of IMPORTS) text = text.replace(bare, relative);
  return `// ${source.package} ${about.version}, ${about.license}; see LICENSES.txt\n${text}\n`;
}

function licenses() {
  return [...new Set(FILES.map((file) => file.package))]
    .map((name) => {
      const text = readFileSync(new URL(`node_modules/${name}/LICENSE`, here), "utf8");
      return `${name}\n${"=".repeat(name.length)}\n\n${text.trim()}\n`;
    })
    .join("\n\n");
}

const contents = new Map(FILES.map((file) => [file.name, made(file)]));
contents.set("LICENSES.txt", licenses());
const sums = [...contents]
  .map(([name, text]) => `${createHash("sha256").update(text).digest("hex")}  ${name}`)
  .join("\n");
contents.set("SHA256SUMS", `${sums}\n`);

let differing = 0;
for (const [name, text] of contents) {
  const path = new URL(name, target);
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
  } else if (readFileSync(path, "utf8") !== text) {
    console.error(`src/ui/vendor/${name} is not what the pinned package makes`);
    differing += 1;
  }
}
process.exitCode = differing ? 1 : 0;
