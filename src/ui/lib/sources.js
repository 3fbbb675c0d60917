// Sources by kind, each with a fixed color.

/** @typedef {import("./types.js").SourceCount} SourceCount */
/** @typedef {{kind: string, title: string, prefix: string, sources: SourceCount[], count: number}} SourceGroup */

/** @type {Record<string, string>} */
const TITLES = {
  system: "System", docker: "Docker", podman: "Podman", pod: "Pods", devcontainer: "Devcontainers", command: "Commands", file: "Files", event: "Events",
  provisioning: "Provisioning", "": "Other",
};
/** Kinds that are not listed come before the sources without a kind. */
const ORDER = ["provisioning", "devcontainer", "docker", "podman", "pod", "system", "command", "file", "event"];

/** @param {string} name */
export const kindOf = (name) => (name.includes(":") ? name.slice(0, name.indexOf(":")) : "");

/** The name within its kind. @param {string} name */
export function shortName(name) {
  const kind = kindOf(name);
  const rest = kind ? name.slice(kind.length + 1) : name;
  return rest.replace(/\.service$/, "") || name;
}

/** The name in a list of sources, where one that instances share ends with a star. @param {string} name */
export const listedName = (name) => shortName(name).replace(/[-@]$/, "$&*");

/**
 * @param {readonly SourceCount[]} sources
 * @returns {SourceGroup[]}
 */
export function grouped(sources) {
  /** @type {Map<string, SourceCount[]>} */
  const kinds = new Map();
  for (const source of sources) {
    const kind = kindOf(source.name) || (source.name.startsWith("cloud-init") ? "provisioning" : "");
    kinds.set(kind, [...(kinds.get(kind) ?? []), source]);
  }
  const rank = (/** @type {string} */ kind) => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length + (kind === "" ? 1 : 0));
  return [...kinds]
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .map(([kind, list]) => ({
      kind,
      title: TITLES[kind] ?? kind.slice(0, 1).toUpperCase() + kind.slice(1),
      prefix: kind === "" || kind === "provisioning" ? "" : `${kind}:`,
      sources: [...list].sort((a, b) => shortName(a.name).localeCompare(shortName(b.name), "en", { numeric: true })),
      count: list.reduce((sum, source) => sum + source.entryCount, 0),
    }));
}

/** Number of hues of the theme. Adjacent ones are distinguishable, also with impaired color vision. */
export const HUES = 12;

/**
 * The hue of a source, which depends only on its name (FNV-1a).
 * @param {string} name
 */
export function hueOf(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % HUES;
}

/**
 * Counts records by level and by source under a filter, from counts without level and source filters.
 * @param {readonly SourceCount[]} sources
 * @param {(name: string) => boolean} shown
 * @param {readonly import("./types.js").Level[]} levels
 */
export function tally(sources, shown, levels) {
  const byLevel = { debug: 0, info: 0, warn: 0, error: 0 };
  /** @type {Map<string, number>} */
  const bySource = new Map();
  let total = 0;
  for (const source of sources) {
    let count = 0;
    for (const level of levels) count += source.levels[level] ?? 0;
    bySource.set(source.name, count);
    if (!shown(source.name)) continue;
    total += count;
    for (const level of /** @type {(keyof typeof byLevel)[]} */ (Object.keys(byLevel))) {
      byLevel[level] += source.levels[level] ?? 0;
    }
  }
  return { byLevel, bySource, total };
}
