// A second line of defense: secrets are redacted before records are stored; any that remain are not displayed.

/** @type {readonly [string, RegExp][]} rule and what it hides; a group named `keep` stays */
const RULES = [
  ["anthropic-key", /(?<keep>\bsk-ant-)[\w-]{8,}/g],
  ["openai-key", /(?<keep>\bsk-(?:proj-)?)[A-Za-z0-9_-]{20,}/g],
  ["github-token", /(?<keep>\bgh[pousr]_|\bgithub_pat_)[A-Za-z0-9_]{20,}/g],
  ["gitlab-token", /(?<keep>\bglpat-)[\w-]{16,}/g],
  ["slack-token", /(?<keep>\bxox[abposr]-)[A-Za-z0-9-]{10,}/g],
  ["aws-key", /(?<keep>\b(?:AKIA|ASIA))[0-9A-Z]{16}\b/g],
  ["bearer", /(?<keep>\b[Bb]earer\s+)(?=[a-z]*[^a-z\s])[\w.~+/-]{8,}=*/g],
  ["basic-auth", /(?<keep>\b[Bb]asic\s+)(?=[a-z]*[A-Z0-9+/=])[A-Za-z0-9+/]{12,}={0,2}/g],
  ["jwt", /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/g],
  ["url-password", /(?<keep>\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/]{0,80}:)[^\s/]{1,200}(?=@)/gi],
  ["vendor-token", /(?<keep>\b(?:[sr]k_(?:live|test)_|AIza|npm_|pypi-|dckr_pat_|dop_v1_|SG\.|tskey-))[\w.-]{10,}/g],
  ["cli-flag", /(?<keep>--[\w-]{0,40}(?:password|passwd|secret|token|api-?key)[= ])(?!\[REDACTED\]|-)[^\s"']+/gi],
  ["cookie", /(?<keep>\b(?:set-)?cookie:\s{0,3})(?!\[REDACTED\])[^\s'"]+/gi],
  ["private-key", /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g],
  ["assigned", /(?<keep>\b[\w-]{0,40}(?:password|passwd|secret|token|api[_-]?key|credential)s?["']?\s{0,3}[=:]\s{0,3}["']?)(?!\[REDACTED\]|null\b|true\b|false\b|\d{1,4}\b)[^\s"',;&]{6,}/gi],
];

const HINT = /sk-|k_live|k_test|AIza|npm_|pypi-|dckr_|dop_v1|SG\.|tskey|cookie|gh[pousr]_|github_pat|glpat|xox|AKIA|ASIA|bearer|basic|eyJ|:\/\/|PRIVATE KEY|passw|secret|token|key|credential/i;

export const MASK = "[REDACTED]";

/**
 * @param {string} text
 * @returns {{text: string, rules: string[]}} with what was hidden replaced by the mask, and by which rules
 */
export function masked(text) {
  if (!HINT.test(text)) return { text, rules: [] };
  /** @type {string[]} */
  const rules = [];
  let out = text;
  for (const [rule, expression] of RULES) {
    out = out.replace(expression, (...found) => {
      rules.push(rule);
      const groups = found.at(-1);
      return `${(typeof groups === "object" && groups?.keep) || ""}${MASK}`;
    });
  }
  return { text: out, rules };
}

/**
 * The same for a value of any JSON shape.
 * @param {unknown} value
 * @returns {unknown}
 */
export function maskedValue(value) {
  if (typeof value === "string") return masked(value).text;
  if (Array.isArray(value)) return value.map(maskedValue);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => {
    const named = typeof inner === "string" && masked(`${key}=${inner}`).rules.length > 0;
    return [key, named ? MASK : maskedValue(inner)];
  }));
}
