// Live: renders the stream a few times per second, and holds records back while paused.

import * as api from "../core/api.js";
import { toParameters } from "../lib/query/filter.js";
import { Ring } from "../lib/rows/ring.js";
import { countInTitle, notify } from "../core/attention.js";
import { counts, announcement, live, patch, say } from "../core/state.js";
import { Tail } from "./tail.js";

/** @typedef {import("../lib/query/filter.js").Filter} Filter */
/** @typedef {import("../lib/types.js").Entry} Entry */
/** @typedef {import("../list/view.js").ListView} ListView */
/** @typedef {import("./tail.js").Gap} Gap */

/** Maximum number of records in the list, and of held back ones. */
export const RING_ROWS = 10_000;
/** Number of older records at the beginning. */
const FIRST_ROWS = 200;
/** Ten times per second is as fast as people can follow. */
const FLUSH_MS = 100;
/** Interval for measuring rates, and for counting. */
const RATE_MS = 2_000;
/** A source with more records per second pushes the others out of sight. */
const NOISY_RATE = 20;
/** Records that arrive this soon after the beginning are older ones. */
const BACKLOG_MS = 1_500;
/** Maximum number of records that fill a gap: half of the list. */
const GAP_ROWS_MAX = 5_000;
const PAGE_ROWS = 500;

export class Live {
  #list;
  #tail;
  /** @type {Ring<Entry>} */
  #pending = new Ring(RING_ROWS);
  /** @type {{gap: Gap, before: number}[]} gaps that are not in the list yet, with the number of records before them */
  #gaps = [];
  #lastId = 0;
  #arrived = 0;
  #rateFrom = performance.now();
  /** Records by source and level since the counts were last updated. @type {Map<string, Partial<Record<import("../lib/types.js").Level, number>>>} */
  #uncounted = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #parameters = "";
  /** Whether scrolling caused the pause, so that scrolling back ends it. */
  #byScroll = false;

  /** @param {ListView} list */
  constructor(list) {
    this.#list = list;
    this.#list.stick = true;
    this.#tail = new Tail({
      onEntry: (entry) => this.#arrive(entry),
      onGap: (gap) => this.#miss(gap),
      onWarnings: (warnings) => patch(live, { warnings }),
      onState: (state) => {
        if (state.connection === "open" && live.peek().connection !== "open") this.#rateFrom = performance.now() + BACKLOG_MS;
        patch(live, state);
      },
    });
    setInterval(() => {
      this.#measureRate();
      this.#count();
    }, RATE_MS);
  }

  /** Follows a filter, unless it already does. @param {Filter} filter */
  follow(filter) {
    // the stream has no time range
    const parameters = toParameters({ ...filter, start: "", end: "", boot: "" });
    this.#uncounted.clear();
    const text = JSON.stringify(parameters);
    if (text === this.#parameters && live.peek().connection !== "stopped" && live.peek().connection !== "idle") return;
    this.#parameters = text;
    this.#pending.clear();
    this.#gaps = [];
    this.#lastId = 0;
    this.#list.clear();
    this.#list.stick = true;
    patch(live, { paused: false, waiting: 0, missed: 0, loaded: 0, rate: 0, noisy: null, warnings: [] });
    this.#tail.start(parameters, FIRST_ROWS);
  }

  leave() {
    this.#tail.stop();
    this.#parameters = "";
    patch(live, { connection: "idle", reason: "", retryAt: 0 });
  }

  retry() {
    const { connection } = live.peek();
    if (connection === "stopped") {
      const parameters = JSON.parse(this.#parameters || "[]");
      this.#tail.start(parameters, FIRST_ROWS);
    } else this.#tail.now();
  }

  /** @param {Entry} entry */
  #arrive(entry) {
    if (entry.id <= this.#lastId) return;
    this.#lastId = entry.id;
    if (performance.now() >= this.#rateFrom) {
      this.#arrived += 1;
      const levels = this.#uncounted.get(entry.source) ?? {};
      levels[entry.level] = (levels[entry.level] ?? 0) + 1;
      this.#uncounted.set(entry.source, levels);
      const ended = entry.metadata?.event_type === "process_end";
      if (ended || entry.level === "error") notify(`${ended ? "Run ended" : "Error"}: ${entry.source}`, entry.message);
    }
    if (entry.level === "error") countInTitle();
    this.#pending.push(entry);
    this.#soon();
  }

  /** Draws what has arrived, in a frame of the browser: so that the frame that scrolls is the one that draws. */
  #soon() {
    this.#timer ??= setTimeout(() => requestAnimationFrame(() => this.#flush()), FLUSH_MS);
  }

  /** Adds what has arrived to the counts of sources and levels. */
  #count() {
    const known = counts.peek();
    if (this.#uncounted.size === 0 || !known) return;
    const byName = new Map(known.map((source) => [source.name, source]));
    for (const [name, levels] of this.#uncounted) {
      const before = byName.get(name) ?? { name, label: name, entryCount: 0, levels: {} };
      const after = { ...before, levels: { ...before.levels } };
      for (const [level, n] of Object.entries(levels)) {
        const key = /** @type {import("../lib/types.js").Level} */ (level);
        after.levels[key] = (after.levels[key] ?? 0) + n;
        after.entryCount += n;
      }
      byName.set(name, after);
    }
    this.#uncounted.clear();
    counts.value = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @param {Gap} gap */
  #miss(gap) {
    this.#lastId = Math.max(this.#lastId, gap.to);
    this.#gaps.push({ gap, before: this.#pending.size });
    if (this.#gaps.length > 100) this.#gaps.shift();
    this.#soon();
  }

  #flush() {
    this.#timer = undefined;
    if (live.peek().paused) {
      patch(live, { waiting: this.#pending.size + this.#pending.dropped, missed: this.#pending.dropped });
      return;
    }
    const { values, dropped } = this.#pending.take();
    const first = values[0];
    if (dropped > 0 && first) {
      const from = this.#list.lastId + 1;
      this.#list.appendLost({ from, to: first.id - 1, count: dropped }, first);
    }
    this.#append(values);
    this.#list.dropFront(RING_ROWS);
    patch(live, { waiting: 0, missed: 0, loaded: this.#list.count });
  }

  /** Appends records in their order, with the gaps in between. @param {Entry[]} values */
  #append(values) {
    let from = 0;
    for (const { gap, before } of this.#gaps) {
      const at = values.findIndex((entry) => entry.id > gap.from);
      const end = at < 0 ? Math.min(before, values.length) : at;
      if (end > from) this.#list.append(values.slice(from, end));
      from = Math.max(from, end);
      const near = values[from] ?? values[from - 1] ?? this.#list.entry(this.#list.lastId);
      if (near) this.#list.appendLost(gap, near);
    }
    this.#gaps = [];
    if (from < values.length) this.#list.append(from > 0 ? values.slice(from) : values);
  }

  // ---- pause

  /** @param {{byScroll?: boolean}} [how] */
  pause({ byScroll = false } = {}) {
    if (!byScroll) this.#byScroll = false;
    if (live.peek().paused) return;
    this.#byScroll = byScroll;
    this.#list.stick = false;
    patch(live, { paused: true });
    announcement.value = "Paused. New records are held back.";
  }

  resume() {
    this.#list.stick = true;
    patch(live, { paused: false });
    this.#flush();
    this.#list.toEnd();
  }

  toggle() {
    if (live.peek().paused) this.resume();
    else this.pause();
  }

  /** The user scrolled: away from the end pauses, back at the end resumes. */
  moved() {
    if (live.peek().connection === "idle") return;
    const { atEnd } = this.#list;
    if (!atEnd && !this.#list.stick) this.pause({ byScroll: true });
    else if (atEnd && live.peek().paused && this.#byScroll) this.resume();
  }

  #measureRate() {
    const now = performance.now();
    // not before the older records have arrived
    if (now - this.#rateFrom < RATE_MS / 2) return;
    const perSecond = (/** @type {number} */ records) => Math.round((records * 1000) / (now - this.#rateFrom));
    let [name, most] = ["", 0];
    for (const [source, levels] of this.#uncounted) {
      const records = Object.values(levels).reduce((sum, n) => sum + n, 0);
      if (records > most) [name, most] = [source, records];
    }
    const [rate, noise] = [perSecond(this.#arrived), perSecond(most)];
    // one that is filtered by is what somebody wants to see
    const noisy = noise >= NOISY_RATE && noise > rate / 2 && this.#uncounted.size > 1 ? { name, rate: noise } : null;
    this.#arrived = 0;
    this.#rateFrom = now;
    patch(live, { rate, noisy });
  }

  /** Replaces a gap with its records. @param {import("../lib/rows/items.js").Item} item */
  async fill(item) {
    const { lost } = item;
    if (!lost) return;
    /** @type {Entry[]} */
    const found = [];
    let cursor = api.cursorAt(Math.max(0, lost.from - 1));
    try {
      while (found.length < GAP_ROWS_MAX) {
        const page = await api.page([
          ...JSON.parse(this.#parameters || "[]"), ["limit", String(PAGE_ROWS)], ["cursor", cursor], ["direction", "forward"],
        ]);
        found.push(...page.entries.filter((entry) => entry.id <= lost.to));
        if (!page.hasMore || !page.nextCursor || (page.entries.at(-1)?.id ?? 0) > lost.to) break;
        cursor = page.nextCursor;
      }
      this.#list.fillLost(item, found);
      if (found.length === 0) say("Those records have been deleted.");
      else if (found.length >= GAP_ROWS_MAX) say(`Loaded the first ${GAP_ROWS_MAX} records. Browse has the rest.`);
    } catch (error) {
      say(error instanceof Error ? error.message : String(error), { bad: true });
    }
  }
}
