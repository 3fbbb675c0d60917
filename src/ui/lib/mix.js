// The levels of similar records, which are often not the same.

import { LEVELS } from "./types.js";
import { count, number } from "./histogram.js";

/** @typedef {import("./types.js").Level} Level */
/** @typedef {Partial<Record<Level, number>>} LevelCounts */

const NOUNS = { warn: "warning", error: "error" };

/**
 * @param {LevelCounts} levels
 * @returns {{level: Level, beyond: {level: "warn" | "error", text: string}[]}} `level`: the most severe one that at least half of the records reach;
 * `beyond`: the number of errors and warnings above it
 */
export function mixOf(levels) {
  const falling = [...LEVELS].reverse().map((level) => ({ level, n: levels[level] ?? 0 }));
  const half = falling.reduce((sum, { n }) => sum + n, 0) / 2;
  let reached = 0;
  const at = falling.findIndex(({ n }) => (reached += n) >= half && n > 0);
  const beyond = falling.slice(0, Math.max(0, at)).flatMap(({ level, n }) =>
    (n > 0 && (level === "warn" || level === "error") ? [{ level, text: count(n, NOUNS[level]) }] : []));
  return { level: falling[at]?.level ?? "info", beyond };
}

/** All levels in words. @param {LevelCounts} levels */
export const levelsText = (levels) => [...LEVELS].reverse().filter((level) => levels[level]).map((level) => `${number(levels[level] ?? 0)} ${level}`).join(", ");
