// Times as people type and read them.

/** @typedef {{label: string, name: string, start: string}} Preset */

/** @type {readonly Preset[]} */
export const PRESETS = [
  { label: "5m", name: "Last 5 minutes", start: "-5m" },
  { label: "15m", name: "Last 15 minutes", start: "-15m" },
  { label: "1h", name: "Last hour", start: "-1h" },
  { label: "6h", name: "Last 6 hours", start: "-6h" },
  { label: "24h", name: "Last 24 hours", start: "-24h" },
  { label: "7d", name: "Last 7 days", start: "-7d" },
];

/** @type {Record<string, number>} */
const UNITS = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

const RELATIVE = /^-?\s*(\d{1,6})\s*(s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|d|days?|w|weeks?)(\s+ago)?$/i;
const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$/i;
const CLOCK = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/;
const EPOCH = /^@?(\d{9,19})(?:\.\d+)?$/;
const WEEKDAY = /^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+/i;
/** Several lengths one after the other: `2h30min`, `1 day 2 hours`. */
const LENGTHS = /^-?\s*((?:\d{1,6}\s*(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?)\s*){2,})(?:\s*ago)?$/i;
/** @type {Record<string, number>} */
const DAYS = { yesterday: -1, today: 0, tomorrow: 1 };

/**
 * Reads a typed or pasted time and returns it in the form of the API: relative as `-15m`, absolute as RFC 3339 in UTC.
 * @param {string} text
 * @param {{now: number, utc: boolean}} context times without an offset are local unless `utc`
 * @returns {{ok: true, value: string} | {ok: false, reason: string}}
 */
export function readTime(text, { now, utc }) {
  const typed = text.trim().replace(WEEKDAY, "");
  if (typed === "" || /^now$/i.test(typed)) return { ok: true, value: "" };
  const relative = RELATIVE.exec(typed);
  if (relative) return { ok: true, value: `-${Number(relative[1])}${relative[2]?.[0]?.toLowerCase()}` };
  const lengths = LENGTHS.exec(typed)?.[1]?.matchAll(/(\d+)\s*([smhdw])/gi);
  if (lengths) {
    const total = [...lengths].reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[(unit ?? "").toLowerCase()] ?? 0), 0);
    return { ok: true, value: `-${total / 1000}s` };
  }
  const ms = absolute(typed, now, utc);
  if (ms === null || Number.isNaN(ms)) {
    return { ok: false, reason: "Enter a time such as 14:30, yesterday 20:00, 2026-02-17 14:30, -2h, or paste a timestamp." };
  }
  const fraction = DATE.exec(typed)?.[7] ?? "";
  const iso = new Date(ms).toISOString();
  return { ok: true, value: fraction.length > 3 ? `${iso.slice(0, 20)}${fraction.slice(0, 6)}Z` : iso.replace(".000Z", "Z") };
}

/**
 * @param {string} typed
 * @param {number} now
 * @param {boolean} utc
 * @returns {number | null}
 */
function absolute(typed, now, utc) {
  const epoch = EPOCH.exec(typed)?.[1];
  if (epoch) return epochMs(Number(typed.replace("@", "")));
  const named = /^(yesterday|today|tomorrow)(?:\s+(?:at\s+)?(\d{1,2}):(\d\d)(?::(\d\d))?)?$/i.exec(typed);
  const days = DAYS[(named?.[1] ?? "").toLowerCase()];
  if (named && days !== undefined) {
    const [hour, minute, second] = [Number(named[2] ?? 0), Number(named[3] ?? 0), Number(named[4] ?? 0)];
    if (hour > 23 || minute > 59 || second > 59) return null;
    return midnight(now, utc, days) + ((hour * 60 + minute) * 60 + second) * 1000;
  }
  const clock = CLOCK.exec(typed);
  if (clock) return clockToday(clock, now, utc);
  const date = DATE.exec(typed);
  if (!date) return null;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "0", offset] = date;
  const ms = Math.floor(Number(`0.${fraction}`) * 1000);
  /** @type {[number, number, number, number, number, number, number]} */
  const parts = [Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second), ms];
  const asUtc = Date.UTC(...parts);
  const check = new Date(asUtc);
  const real = check.getUTCMonth() === parts[1] && check.getUTCDate() === parts[2] && parts[3] < 24 && parts[4] < 60;
  if (!real) return null;
  if (offset) return asUtc - offsetMs(offset);
  return utc ? asUtc : new Date(...parts).getTime();
}

/**
 * The size of a number since 1970 tells whether it counts seconds, milliseconds, microseconds or nanoseconds.
 * @param {number} number
 */
function epochMs(number) {
  if (number < 1e11) return Math.floor(number * 1e3);
  if (number < 1e14) return Math.floor(number);
  return Math.floor(number < 1e17 ? number / 1e3 : number / 1e6);
}

/**
 * @param {number} now
 * @param {boolean} utc
 * @param {number} days from today
 */
function midnight(now, utc, days) {
  const day = new Date(now);
  if (utc) {
    day.setUTCHours(0, 0, 0, 0);
    day.setUTCDate(day.getUTCDate() + days);
  } else {
    day.setHours(0, 0, 0, 0);
    day.setDate(day.getDate() + days);
  }
  return day.getTime();
}

/**
 * A time of day today, or yesterday if it is still in the future.
 * @param {RegExpExecArray} match
 * @param {number} now
 * @param {boolean} utc
 */
function clockToday(match, now, utc) {
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const day = new Date(now);
  if (utc) day.setUTCHours(hour, minute, second, 0);
  else day.setHours(hour, minute, second, 0);
  if (day.getTime() > now) day.setDate(day.getDate() - 1);
  return day.getTime();
}

/** @param {string} offset */
function offsetMs(offset) {
  const match = /^([+-])(\d\d):?(\d\d)$/.exec(offset);
  if (!match) return 0;
  const ms = (Number(match[2]) * 60 + Number(match[3])) * 6e4;
  return match[1] === "-" ? -ms : ms;
}

/**
 * Milliseconds of a bound of a filter; null if it is empty or invalid.
 * @param {string} value
 * @param {number} now
 * @returns {number | null}
 */
export function boundMs(value, now) {
  if (!value) return null;
  const relative = /^-(\d+)([smhdw])$/.exec(value);
  if (relative) return now - Number(relative[1]) * (UNITS[relative[2] ?? ""] ?? 0);
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? null : ms;
}

/** @param {number} n */
const two = (n) => (n < 10 ? `0${n}` : String(n));

/**
 * `14:30:15.123`
 * @param {number} ms
 * @param {boolean} utc
 */
export function clock(ms, utc) {
  const date = new Date(ms);
  const part = utc
    ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getHours(), date.getMinutes(), date.getSeconds()];
  const rest = ((ms % 1000) + 1000) % 1000;
  return `${part.map(two).join(":")}.${String(rest).padStart(3, "0")}`;
}

/**
 * `2026-02-17`
 * @param {number} ms
 * @param {boolean} utc
 */
export function day(ms, utc) {
  const date = new Date(ms);
  return utc
    ? `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
    : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/**
 * `Tuesday, 17 February 2026`
 * @param {number} ms
 * @param {boolean} utc
 */
export function longDay(ms, utc) {
  return new Date(ms).toLocaleDateString("en-GB", {
    weekday: "long", day: "numeric", month: "long", year: "numeric", ...(utc ? { timeZone: "UTC" } : {}),
  });
}

/**
 * `2026-02-17 14:30:15` for fields and labels.
 * @param {number} ms
 * @param {boolean} utc
 */
export const stamp = (ms, utc) => `${day(ms, utc)} ${clock(ms, utc).slice(0, 8)}`;

/**
 * `3 s`, `12 min`, `2 h 5 min`, `3 d 4 h`: at most two units.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? Math.floor(seconds * 10) / 10 : Math.floor(seconds)} s`;
  /** @type {[number, string, number, string][]} */
  const steps = [[60, "min", 1, "s"], [3600, "h", 60, "min"], [86400, "d", 3600, "h"]];
  const step = steps.findLast(([size]) => seconds >= size) ?? steps[0];
  const [size, unit, smaller, smallerUnit] = /** @type {[number, string, number, string]} */ (step);
  const whole = Math.floor(seconds / size);
  const rest = Math.floor((seconds - whole * size) / smaller);
  return rest > 0 ? `${whole} ${unit} ${rest} ${smallerUnit}` : `${whole} ${unit}`;
}

/**
 * `3 min ago`: the largest unit alone.
 * @param {number} ms
 * @param {number} now
 */
export const ago = (ms, now) => (now - ms < 1000 ? "now" : `${duration(now - ms).split(" ").slice(0, 2).join(" ")} ago`);

/**
 * The label of a time range.
 * @param {string} start
 * @param {string} end
 * @param {boolean} utc
 */
export function rangeLabel(start, end, utc) {
  if (!start && !end) return "All time";
  const preset = !end && PRESETS.find((known) => known.start === start);
  if (preset) return preset.name;
  const say = (/** @type {string} */ value) => {
    const relative = /^-(\d+)([smhdw])$/.exec(value);
    if (relative) return `${relative[1]}${relative[2]} ago`;
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? value : stamp(ms, utc);
  };
  if (!end) return `Since ${say(start)}`;
  if (!start) return `Until ${say(end)}`;
  const [from, to] = [say(start), say(end)];
  return `${from} to ${from.slice(0, 11) === to.slice(0, 11) ? to.slice(11) : to}`;
}
