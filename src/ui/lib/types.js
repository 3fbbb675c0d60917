// Types that several modules share.

/** @typedef {"debug" | "info" | "warn" | "error"} Level */

/**
 * A record as the API sends it.
 * @typedef {object} WireEntry
 * @property {string} id
 * @property {string} timestamp RFC 3339, UTC, microseconds
 * @property {string} source
 * @property {Level} level
 * @property {string} message
 * @property {Record<string, unknown>} [metadata]
 * @property {Positions} [positions]
 */

/** @typedef {{message: [number, number][], metadata: Record<string, [number, number][]>}} Positions ranges of bytes that a search has found */

/**
 * A record as the page keeps it.
 * @typedef {object} Entry
 * @property {number} id
 * @property {number} ms milliseconds since 1970
 * @property {string} timestamp
 * @property {string} source
 * @property {Level} level
 * @property {string} message
 * @property {Record<string, unknown> | null} metadata
 * @property {Positions} [positions] if the server was asked for them
 */

/**
 * @typedef {object} SourceCount
 * @property {string} name
 * @property {string} label
 * @property {number} entryCount
 * @property {string} [lastTimestamp]
 * @property {Partial<Record<Level, number>>} levels
 */

/** @type {readonly Level[]} */
export const LEVELS = ["debug", "info", "warn", "error"];

/**
 * @param {WireEntry} wire
 * @returns {Entry}
 */
export function entryOf(wire) {
  const metadata = wire.metadata;
  return {
    id: Number(wire.id),
    ms: Date.parse(wire.timestamp),
    timestamp: wire.timestamp,
    source: wire.source,
    level: wire.level,
    message: wire.message,
    metadata: metadata && Object.keys(metadata).length > 0 ? metadata : null,
    ...(wire.positions ? { positions: wire.positions } : {}),
  };
}
