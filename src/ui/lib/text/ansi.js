// Terminal colors in log text: turns escape sequences into styled spans. Only sequences for styles are kept; all others are dropped, so
// that log text can change nothing but its own appearance.

/**
 * @typedef {object} Style
 * @property {number | string | null} fg 0-15 a palette colour, a string `#rrggbb`, null the text's own
 * @property {number | string | null} bg
 * @property {boolean} bold
 * @property {boolean} dim
 * @property {boolean} italic
 * @property {boolean} underline
 * @property {boolean} strike
 * @property {boolean} inverse
 * @property {string} link http(s) target of an OSC 8 link, or empty
 */

/** @typedef {{text: string, style: Style | null}} StyledText */

/** @type {Style} */
const PLAIN = Object.freeze({
  fg: null, bg: null, bold: false, dim: false, italic: false, underline: false, strike: false, inverse: false, link: "",
});

// CSI with its parameters and final byte; OSC and other strings up to BEL, ST or the line's end; two-byte escapes.
// C1 forms (one byte 0x80-0x9f) are alternative encodings of the same sequences.
const SEQUENCE =
  /(?:\u001b\[|\u009b)([0-?]*)[ -/]*([@-~])|(?:\u001b\]|\u009d)([^\u0007\u001b\u009c\n]*)(?:\u0007|\u001b\\|\u009c|(?=\n)|$)|(?:\u001b[PX^_]|[\u0090\u0098\u009e\u009f])[^\u001b\u009c\n]*(?:\u001b\\|\u009c|(?=\n)|$)|\u001b[ -/]*[0-~]|\u001b/g;

/** Whether a text holds anything for `styled` to do. @param {string} text */
export const hasEscapes = (text) => /[\u001b\u0090\u0098\u009b\u009d-\u009f]/.test(text);

/**
 * @param {string} text
 * @returns {StyledText[]}
 */
export function styled(text) {
  if (!hasEscapes(text)) return text ? [{ text, style: null }] : [];
  /** @type {StyledText[]} */
  const out = [];
  let style = PLAIN;
  let last = 0;
  const push = (/** @type {number} */ end) => {
    if (end > last) out.push({ text: text.slice(last, end), style: style === PLAIN ? null : style });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    push(match.index);
    last = match.index + match[0].length;
    if (match[2] === "m") style = select(style, match[1] ?? "");
    else if (match[3] !== undefined) style = link(style, match[3]);
  }
  push(text.length);
  return out;
}

/** The text alone. @param {string} text */
export const stripped = (text) => (hasEscapes(text) ? text.replace(SEQUENCE, "") : text);

/**
 * @param {Style} style
 * @param {string} command
 */
function link(style, command) {
  const match = /^8;[^;]*;(.*)$/.exec(command);
  if (!match) return style;
  const target = match[1] ?? "";
  return settle({ ...style, link: /^https?:\/\/[^\s]+$/i.test(target) ? target : "" });
}

/**
 * Applies "select graphic rendition".
 * @param {Style} before
 * @param {string} parameters
 */
function select(before, parameters) {
  if (/[<=>?]/.test(parameters)) return before;
  const style = { ...before };
  const codes = parameters.split(";");
  for (let i = 0; i < codes.length; i += 1) {
    const [code = "", ...sub] = (codes[i] ?? "").split(":");
    const n = Number(code || 0);
    if (n === 38 || n === 48) {
      const wide = sub.length > 0;
      const { color, used } = extended(wide ? sub.filter((part, at) => part !== "" || at === 0) : codes.slice(i + 1));
      if (color !== undefined) style[n === 38 ? "fg" : "bg"] = color;
      if (!wide) i += used;
    } else if (n === 4 && sub[0] === "0") style.underline = false;
    else apply(style, n);
  }
  return settle(style);
}

/**
 * @param {Style} style
 * @param {number} n
 */
function apply(style, n) {
  if (n === 0) Object.assign(style, PLAIN, { link: style.link });
  else if (n === 1) style.bold = true;
  else if (n === 2) style.dim = true;
  else if (n === 3) style.italic = true;
  else if (n === 4 || n === 21) style.underline = true;
  else if (n === 7) style.inverse = true;
  else if (n === 9) style.strike = true;
  else if (n === 22) style.bold = style.dim = false;
  else if (n === 23) style.italic = false;
  else if (n === 24) style.underline = false;
  else if (n === 27) style.inverse = false;
  else if (n === 29) style.strike = false;
  else if (n >= 30 && n <= 37) style.fg = n - 30;
  else if (n === 39) style.fg = null;
  else if (n >= 40 && n <= 47) style.bg = n - 40;
  else if (n === 49) style.bg = null;
  else if (n >= 90 && n <= 97) style.fg = n - 82;
  else if (n >= 100 && n <= 107) style.bg = n - 92;
}

/**
 * The colour after 38 or 48: `5;n` or `2;r;g;b`.
 * @param {string[]} codes
 * @returns {{color: number | string | undefined, used: number}}
 */
function extended(codes) {
  const byte = (/** @type {string | undefined} */ text) => Math.min(255, Math.max(0, Math.floor(Number(text) || 0)));
  if (codes[0] === "5") return { color: indexed(byte(codes[1])), used: 2 };
  if (codes[0] !== "2") return { color: undefined, used: codes[0] === undefined ? 0 : 1 };
  return { color: hex(byte(codes.at(1)), byte(codes.at(2)), byte(codes.at(3))), used: 4 };
}

/** The 256-colour table: 16 of the palette, a 6x6x6 cube, 24 greys. @param {number} n */
function indexed(n) {
  if (n < 16) return n;
  if (n >= 232) return hex(8 + (n - 232) * 10, 8 + (n - 232) * 10, 8 + (n - 232) * 10);
  const step = (/** @type {number} */ v) => (v === 0 ? 0 : 55 + v * 40);
  const cube = n - 16;
  return hex(step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6));
}

/** @param {number[]} parts */
const hex = (...parts) => `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;

/** The shared plain style when nothing is left of it. @param {Style} style */
function settle(style) {
  const plain = Object.entries(PLAIN).every(([name, value]) => style[/** @type {keyof Style} */ (name)] === value);
  return plain ? PLAIN : style;
}

/**
 * Adjusts the lightness of a color until it is readable on the background of the theme; the hue stays.
 * @param {string} color `#rrggbb`
 * @param {boolean} dark
 */
export function readable(color, dark) {
  let [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  if (r === undefined || g === undefined || b === undefined) return color;
  for (let i = 0; i < 20; i += 1) {
    const light = luminance(r, g, b);
    if (dark ? light >= 0.23 : light <= 0.155) break;
    const mix = (/** @type {number} */ v) => Math.round(dark ? v + (255 - v) * 0.12 : v * 0.88);
    [r, g, b] = [mix(r), mix(g), mix(b)];
  }
  return hex(r, g, b);
}

/**
 * Relative luminance as WCAG defines it.
 * @param {number} r
 * @param {number} g
 * @param {number} b
 */
export function luminance(r, g, b) {
  const channel = (/** @type {number} */ v) => {
    const s = v / 255;
    return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
}
