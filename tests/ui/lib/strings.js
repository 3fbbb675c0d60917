// Everything that the page says to people: the texts of its templates, labels and messages, found in its modules.

/** Attributes and properties that people read. */
const READ = "title|aria-label|aria-valuetext|placeholder|alt|label|hint|button";

/**
 * The literals of a module: its quoted strings, and its templates with `{}` for what is filled in.
 * @param {string} source
 * @returns {{text: string, tag: string}[]} `tag`: of a tagged template
 */
export function literals(source) {
  /** @type {{text: string, tag: string}[]} */
  const found = [];
  /** A template up to its end; templates inside are literals of their own. @param {number} at @param {string} tag */
  const template = (at, tag) => {
    let text = "";
    while (at < source.length && source[at] !== "`") {
      if (source[at] === "\\") {
        text += source.slice(at, at + 2);
        at += 2;
      } else if (source.startsWith("${", at)) {
        at = code(at + 2, "}");
        text += "{}";
      } else {
        text += source[at];
        at += 1;
      }
    }
    found.push({ text, tag });
    return at + 1;
  };
  /** Code up to a closing bracket. @param {number} at @param {string} end @returns {number} */
  const code = (at, end) => {
    let depth = 0;
    while (at < source.length) {
      const rest = source.slice(at, at + 2);
      const char = source[at] ?? "";
      if (rest === "//") at = source.indexOf("\n", at);
      else if (rest === "/*") at = source.indexOf("*/", at) + 2;
      else if (char === "\"" || char === "'") {
        let to = at + 1;
        while (to < source.length && source[to] !== char) to += source[to] === "\\" ? 2 : 1;
        found.push({ text: source.slice(at + 1, to), tag: "" });
        at = to + 1;
      } else if (char === "`") at = template(at + 1, source.slice(0, at).endsWith("html") ? "html" : "");
      else if (char === "/" && /(?:[=(,:[!&|?{};>\n]|\breturn)\s*$/.test(source.slice(Math.max(0, at - 20), at))) {
        let [to, inside] = [at + 1, false];
        while (to < source.length && (inside || source[to] !== "/")) {
          if (source[to] === "[") inside = true;
          else if (source[to] === "]") inside = false;
          to += source[to] === "\\" ? 2 : 1;
        }
        at = to + 1;
      } else {
        if (char === "{") depth += 1;
        if (char === "}" && depth > 0) depth -= 1;
        else if (char === end && depth === 0) return at + 1;
        at += 1;
      }
      if (at < 0) return source.length;
    }
    return at;
  };
  code(0, "");
  return found;
}

/** Whether a quoted string is a text and not a name of something in the code. @param {string} text */
const isText = (text) => (/[A-Za-z]{2}.*\s[A-Za-z(]/.test(text) && !/^[a-z-]+( [a-z-]+)*$/.test(text) ? !/[{}=]{2}|^\?|^M\d|^m[ \d]|;$|^\(|\bd="|^import|^[a-z-]+:|^translate|svg/.test(text) : /^[A-Z][a-z]+\.?$/.test(text) && !KEYS.has(text));

/** Words of the platform. */
const KEYS = new Set(["Enter", "Escape", "Tab", "Backspace", "Home", "End", "Authorization", "Bearer", "Error", "Ctrl", "Shift", "Infinity"]);

/** @param {string} text */
const clean = (text) => text.replace(/\\u\{?([0-9a-f]{4,5})\}?/g, (_, code) => String.fromCodePoint(parseInt(code, 16))).replace(/\\"/g, "\"").replace(/\s+/g, " ").trim();

/** The texts of a module, in their order. @param {string} source @returns {string[]} */
export function strings(source) {
  /** @type {string[]} */
  const said = [];
  for (const { text, tag } of literals(source)) {
    if (tag !== "html") {
      if (isText(text)) said.push(clean(text));
      continue;
    }
    for (const [, value] of text.matchAll(new RegExp(`(?:${READ})="([^"]*)"`, "g"))) said.push(clean(value ?? ""));
    for (const part of text.replace(/<[^>]*>/g, "\n").split("\n")) said.push(clean(part));
  }
  return [...new Set(said.filter((text) => /[A-Za-z]{2}/.test(text.replaceAll("{}", ""))))];
}
