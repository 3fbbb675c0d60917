// The text syntax of queries, as far as the page needs it: the parts of an expression as chips, and what a single part says.
// The server parses expressions; the grammar is format-spec/query.md.

/** @typedef {{text: string, from: number, to: number}} Term a part of an expression; all parts must match */

/** @typedef {{negated: boolean, key: string, operator: string, value: string, kind: "word" | "phrase" | "regex"}} Simple */

/**
 * The parts of an expression that must all match. An expression with OR is one part.
 * @param {string} query
 * @returns {Term[]}
 */
export function terms(query) {
  /** @type {Term[]} */
  const parts = [];
  let at = 0;
  let any = false;
  while (at < query.length) {
    if (query[at] === " ") {
      at += 1;
      continue;
    }
    const to = endOfTerm(query, at);
    parts.push({ text: query.slice(at, to), from: at, to });
    at = to;
  }
  for (const { text } of parts) any ||= text === "OR";
  if (any) return [{ text: query.trim(), from: query.length - query.trimStart().length, to: query.trimEnd().length }];
  return parts.flatMap((part, index) => {
    if (part.text === "AND" || part.text === "NOT") return [];
    const before = parts[index - 1];
    return before?.text === "NOT" ? [{ text: query.slice(before.from, part.to), from: before.from, to: part.to }] : [part];
  });
}

/**
 * Where a term ends: at a blank outside quotes, regexes and brackets.
 * @param {string} query
 * @param {number} from
 */
function endOfTerm(query, from) {
  let depth = 0;
  for (let at = from; at < query.length; at += 1) {
    const char = query[at];
    if (char === "\\") at += 1;
    else if (char === "\"") at = endOf(query, at, "\"");
    else if (char === "/" && /[-(:=]$|^$/.test(query.slice(from, at))) at = endOfRegex(query, at);
    else if (char === "(") depth += 1;
    else if (char === ")") depth -= 1;
    else if (char === " " && depth <= 0) return at;
  }
  return query.length;
}

/**
 * @param {string} query
 * @param {number} from
 * @param {string} end
 */
function endOf(query, from, end) {
  for (let at = from + 1; at < query.length; at += 1) {
    if (query[at] === "\\") at += 1;
    else if (query[at] === end) return at;
  }
  return query.length;
}

/** A slash ends a regex only before a blank, a bracket or the end; otherwise it is one of a path. @param {string} query @param {number} from */
function endOfRegex(query, from) {
  for (let at = endOf(query, from, "/"); at < query.length; at = endOf(query, at, "/")) {
    if (/^(?:$|[\s)])/.test(query.slice(at + 1))) return at;
  }
  return from;
}

const KEYED = /^([A-Za-z_@][\w.@-]*|"(?:[^"\\]|\\.)*")(:?(?:>=|<=|!=|=|>|<)|:)(.*)$/s;

/**
 * What a term says if it is a text or a comparison of one field; null for groups.
 * @param {string} text
 * @returns {Simple | null}
 */
export function simple(text) {
  const negated = /^(?:-(?=\S)|NOT )/.test(text);
  const rest = negated ? text.replace(/^(?:-|NOT )/, "") : text;
  if (rest === "" || rest.startsWith("(")) return null;
  const keyed = /^[/]/.test(rest) ? null : KEYED.exec(rest);
  if (keyed && !(keyed[3] ?? "").startsWith("//")) {
    const value = keyed[3] ?? "";
    if (value.startsWith("(")) return null;
    return { negated, key: unquoted(keyed[1] ?? ""), operator: (keyed[2] ?? "").replace(/^:(?=.)/, ""), value: unquoted(value), kind: kindOf(value) };
  }
  return { negated, key: "", operator: "", value: unquoted(rest), kind: kindOf(rest) };
}

/** @param {string} text @returns {Simple["kind"]} */
const kindOf = (text) => (text.startsWith("\"") ? "phrase" : text.length > 2 && text.startsWith("/") && text.endsWith("/") ? "regex" : "word");

/** @param {string} text */
function unquoted(text) {
  if (text.startsWith("\"")) return text.replace(/^"|"$/g, "").replace(/\\(["\\])/g, "$1");
  if (kindOf(text) === "regex") return text.slice(1, -1).replace(/\\\//g, "/");
  return text.replace(/\\(.)/g, "$1");
}

/** Joins terms; each of them must match. @param {readonly string[]} texts */
export function joined(texts) {
  const all = texts.map((text) => text.trim()).filter(Boolean);
  return all.length === 1 ? all[0] ?? "" : all.map((text) => (hasOr(text) ? `(${text})` : text)).join(" ");
}

/** Whether OR binds the parts of a text. @param {string} text */
export function hasOr(text) {
  let at = 0;
  while (at < text.length) {
    if (text[at] === " ") at += 1;
    else {
      const to = endOfTerm(text, at);
      if (text.slice(at, to) === "OR") return true;
      at = to;
    }
  }
  return false;
}

/** A text as a value: quoted unless it is a plain word. @param {string} text */
export const quoted = (text) => (/^[\w.@%+:,~#][\w.@%+:,~#/-]*$/.test(text) && !/^(?:AND|OR|NOT)$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`);

/** A text to search for, as a term. @param {string} text */
export const textTerm = (text) => (/^[A-Za-z0-9][\w.%+,~#-]*$/.test(text) && !/^(?:AND|OR|NOT)$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`);

/**
 * A comparison of a field with a value as a term; null if it cannot be expressed.
 * @param {string} key
 * @param {unknown} value
 * @param {boolean} exclude
 */
export function fieldTerm(key, value, exclude) {
  if (!["string", "number", "boolean"].includes(typeof value) || key === "") return null;
  const name = /^[A-Za-z_@][\w.@-]*$/.test(key) ? key : `"${key.replace(/["\\]/g, "\\$&")}"`;
  return `${exclude ? "-" : ""}${name}:${quoted(String(value))}`;
}

/** The opposite of a term. @param {string} text */
export function negated(text) {
  if (/^-(?=\S)/.test(text)) return text.slice(1);
  if (text.startsWith("NOT ")) return text.slice(4);
  return hasOr(text) ? `-(${text})` : `-${text}`;
}

/**
 * The texts that an expression looks for, as regular expressions: for highlighting where the server does not tell positions.
 * @param {string} query
 * @returns {RegExp | null}
 */
export function textsOf(query) {
  const sources = terms(query).flatMap(({ text }) => {
    const said = simple(text);
    if (!said || said.negated || said.value === "" || !["", "message"].includes(said.key)) return [];
    if (said.kind === "regex") return [said.value.replace(/^\(\?[a-z]+\)/, "")];
    const plain = said.value.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
    return [said.kind === "word" ? plain.replaceAll("*", "\\S*") : plain.replaceAll("*", "\\*")];
  }).filter((source) => source !== "" && source !== "\\S*");
  if (sources.length === 0) return null;
  try {
    return new RegExp(sources.map((source) => `(?:${source})`).join("|"), "giu");
  } catch {
    return null;
  }
}

/**
 * The term at a place of a text that is being written, up to that place.
 * @param {string} text
 * @param {number} cursor
 * @returns {{from: number, lead: string, key: string, operator: string, partial: string}} `lead`: a negation; `key` is empty in front of an operator
 */
export function termAt(text, cursor) {
  const before = text.slice(0, cursor);
  let from = 0;
  while (from < before.length) {
    if (before[from] === " ") {
      from += 1;
      continue;
    }
    const to = endOfTerm(before, from);
    if (to >= before.length) break;
    from = to;
  }
  const [, lead = "", rest = ""] = /^(-?\(*)(.*)$/s.exec(before.slice(from)) ?? [];
  const keyed = KEYED.exec(rest);
  if (keyed && !rest.startsWith("\"") && !(keyed[3] ?? "").startsWith("//")) {
    return { from, lead, key: keyed[1] ?? "", operator: keyed[2] ?? "", partial: (keyed[3] ?? "").replace(/^"/, "") };
  }
  return { from, lead, key: "", operator: "", partial: rest };
}

/** Whether a text can be searched for while it is typed: words and phrases alone, each of them complete. @param {string} text */
export function isText(text) {
  const quotes = text.match(/(?<!\\)"/g)?.length ?? 0;
  if (quotes % 2 === 1 || hasOr(text) || /(?:^|\s)(?:AND|OR|NOT|-)$/.test(text)) return false;
  return terms(text).every((term) => {
    const said = simple(term.text);
    return said !== null && said.key === "" && said.kind !== "regex" && !said.value.startsWith("/") && said.value !== "";
  });
}
