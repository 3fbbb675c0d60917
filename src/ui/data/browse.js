// Browse: a window of the stored records, loaded page by page in both directions.

import * as api from "../core/api.js";
import { isAborted } from "../core/api.js";
import { EVERYTHING, toParameters } from "../lib/query/filter.js";
import { boots, browse, counts, features, histogram, learn, patch, ranged, together, unlisted } from "../core/state.js";

/** @typedef {import("../lib/query/filter.js").Filter} Filter */
/** @typedef {import("../lib/query/filter.js").Parameters} Parameters */
/** @typedef {import("../list/view.js").ListView} ListView */
/** @typedef {{filter: Filter, context: number, scope: "all" | "source", run: string}} View `run`: a command, alone or among all sources */

/** Size of the first page: two screens, which load fast. */
const FIRST_ROWS = 200;
/** Size of further pages: the server's default maximum. */
const PAGE_ROWS = 500;
/** Maximum number of items. Beyond it, items at the far end are removed and loaded again when needed. */
const ITEMS_MAX = 50_000;
/** A page is loaded when the end of the list is nearer than this. */
const AHEAD_PX = 1600;
const BUCKETS = 120;
/** How often the page looks for new records while it is visible. */
const FRESH_MS = 10_000;
const FRESH_ROWS = 100;

export class Browse {
  #list;
  #abort = new AbortController();
  /** @type {Parameters} */
  #parameters = [];
  /** @type {string | null} */
  #older = null;
  /** @type {string | null} */
  #newer = null;
  /** @type {string | null} the cursor after the newest loaded record */
  #fresh = null;
  #busy = false;
  #countsAbort = new AbortController();
  /** @type {View | null} the view whose counts are shown */
  #counted = null;
  #histogramAbort = new AbortController();

  /** @param {ListView} list */
  constructor(list) {
    this.#list = list;
    setInterval(() => this.#lookForFresh(), FRESH_MS);
  }

  /** What the list shows now. */
  get parameters() {
    return this.#parameters;
  }

  /**
   * Loads the list at a record, at the oldest, or at the newest.
   * @param {View} view
   * @param {number | "start" | "end"} at
   * @param {"middle" | "top" | "bottom"} [place] the position of the record on the screen
   */
  async load(view, at, place = "middle") {
    this.stop();
    const { signal } = this.#abort;
    patch(browse, { loading: "first", since: Date.now(), error: null, reached: 0, fresh: 0, warnings: [] });
    const parameters = await this.#parametersOf(view);
    if (at === "end") at = await this.#endOf(view, signal);
    if (signal.aborted) return;
    this.#parameters = parameters;
    const first = at === "end" ? this.#page([["limit", String(FIRST_ROWS)]], "backward")
      : at === "start" ? this.#page([["limit", String(FIRST_ROWS)]], "forward")
        : this.#around(at);
    const page = await this.#run(first);
    if (!page) return;
    const { entries, nextCursor, hasMore, warnings } = page;
    patch(browse, { warnings });
    this.#list.clear();
    this.#list.append(entries);
    const [oldest, newest] = [entries[0]?.id, entries.at(-1)?.id];
    const beyond = hasMore ? nextCursor : null;
    this.#older = at === "start" ? null : at === "end" ? beyond : oldest ? api.cursorAt(oldest) : null;
    this.#newer = at === "end" ? null : at === "start" ? beyond : newest ? api.cursorAt(newest) : null;
    this.#fresh = newest ? api.cursorAt(newest) : null;
    this.#settle();
    if (at === "end") this.#list.toEnd();
    else if (at === "start") this.#list.toStart();
    else if (!this.#list.show(at, place)) this.#list.toEnd();
    if (entries.length === 0 && hasMore) await (at === "start" ? this.newer() : this.older());
    else this.near();
  }

  /**
   * The filter of a view. In a context: the record's source, or everything. In a run: its own records, or everything.
   * @param {View} view
   * @returns {Promise<Parameters>}
   */
  async #parametersOf({ filter, context, scope, run }) {
    if (run) return scope === "all" ? [] : [["where", `run_id=${run}`]];
    if (!context) return toParameters(ranged(filter));
    if (scope === "all") return [];
    const entry = this.#list.entry(context) ?? await api.record(context, this.#abort.signal).catch(() => null);
    return entry ? toParameters({ ...EVERYTHING, sources: [entry.source] }) : [];
  }

  /**
   * Where a view ends: among the records of all sources, a run ends at its last one.
   * @param {View} view
   * @param {AbortSignal} signal
   * @returns {Promise<number | "end">}
   */
  async #endOf({ run, scope }, signal) {
    if (!run || scope !== "all") return "end";
    // the head of the run says what went wrong
    return api.run(run, signal).then(({ lastId }) => Number(lastId), () => "end");
  }

  /**
   * A page around a record. Both halves are requested at once: cursors do not depend on the filter.
   * @param {number} id
   * @returns {Promise<api.Page>}
   */
  async #around(id) {
    /** @type {Parameters} */
    const half = [["limit", String(FIRST_ROWS / 2)]];
    const [before, after] = await Promise.all([
      this.#page([...half, ["cursor", api.cursorAt(id + 1)]], "backward"),
      this.#page([...half, ["cursor", api.cursorAt(id)]], "forward"),
    ]);
    return { entries: [...before.entries, ...after.entries], nextCursor: null, hasMore: true, truncated: before.truncated, warnings: [] };
  }

  /**
   * @param {Parameters} more
   * @param {"backward" | "forward"} direction
   */
  #page(more, direction) {
    /** @type {Parameters} */
    const way = direction === "forward" ? [["direction", "forward"]] : [];
    /** @type {Parameters} */
    const positions = this.#parameters.some(([name]) => name === "q") ? [["positions", "true"]] : [];
    return api.page([...this.#parameters, ...more, ...way, ...positions], this.#abort.signal);
  }

  /**
   * Waits for a page; errors are shown to the user.
   * @param {Promise<api.Page>} request
   * @returns {Promise<api.Page | null>}
   */
  async #run(request) {
    const { signal } = this.#abort;
    this.#busy = true;
    try {
      const page = await request;
      return signal.aborted ? null : page;
    } catch (error) {
      if (signal.aborted || isAborted(error)) return null;
      const problem = error instanceof api.ApiError ? error : new api.ApiError(0, { message: String(error) });
      // an expression that is still being typed leaves what it found before
      const typing = problem.status === 400 && problem.parameter === "q";
      if (browse.peek().loading === "first" && !typing) this.#list.clear();
      patch(browse, { loading: "", error: problem, loaded: this.#list.count });
      return null;
    } finally {
      if (!signal.aborted) this.#busy = false;
    }
  }

  #settle() {
    patch(browse, {
      loading: "", reached: 0, error: null, loaded: this.#list.count, start: this.#older === null, end: this.#newer === null,
    });
  }

  /** Loads the next page if the user is near an end. */
  near() {
    if (this.#busy || browse.peek().error) return;
    if (this.#older !== null && this.#list.pixelsAbove < AHEAD_PX) this.older();
    else if (this.#newer !== null && this.#list.pixelsBelow < AHEAD_PX) this.newer();
  }

  async older() {
    await this.#more("older");
  }

  async newer() {
    await this.#more("newer");
  }

  /**
   * Loads one page in a direction. A long search may return an empty page with a cursor; then it continues.
   * @param {"older" | "newer"} direction
   */
  async #more(direction) {
    const back = direction === "older";
    patch(browse, { loading: direction, since: Date.now(), error: null });
    for (;;) {
      const cursor = back ? this.#older : this.#newer;
      if (cursor === null) break;
      const page = await this.#run(this.#page([["limit", String(PAGE_ROWS)], ["cursor", cursor]], back ? "backward" : "forward"));
      if (!page) return;
      const next = page.hasMore ? page.nextCursor : null;
      if (back) this.#older = next;
      else this.#newer = next;
      this.#take(page.entries, back);
      if (page.entries.length > 0 || next === null) break;
      patch(browse, { reached: reachedBy(next) });
    }
    this.#settle();
    if (this.#list.count > 0) this.near();
  }

  /**
   * @param {import("../lib/types.js").Entry[]} entries
   * @param {boolean} back
   */
  #take(entries, back) {
    if (entries.length === 0) return;
    if (back) {
      this.#list.prepend(entries);
      if (this.#list.dropBack(ITEMS_MAX) > 0) this.#newer = api.cursorAt(this.#list.lastId);
      return;
    }
    this.#list.append(entries);
    if (this.#newer === null) this.#fresh = api.cursorAt(this.#list.lastId);
    if (this.#list.dropFront(ITEMS_MAX) > 0) this.#older = api.cursorAt(this.#list.firstId);
  }

  /** Continues after an error or a stop. */
  async again() {
    patch(browse, { error: null });
    if (this.#older !== null && this.#list.pixelsAbove < AHEAD_PX) await this.older();
    else if (this.#newer !== null) await this.newer();
  }

  /** Cancels the running request. */
  stop() {
    this.#abort.abort();
    this.#busy = false;
    patch(browse, { loading: "", start: this.#older === null });
    this.#abort = new AbortController();
  }

  /** Appends newer records. */
  async loadFresh() {
    if (this.#newer === null) this.#newer = this.#fresh;
    patch(browse, { fresh: 0 });
    await this.newer();
    this.#list.toEnd();
  }

  async #lookForFresh() {
    const state = browse.peek();
    const idle = !this.#busy && this.#newer === null && this.#fresh !== null && !document.hidden && state.fresh < FRESH_ROWS;
    if (!idle || this.#list.element.clientHeight === 0) return;
    const { signal } = this.#abort;
    const found = await api.page(
      [...this.#parameters, ["limit", String(FRESH_ROWS)], ["cursor", this.#fresh ?? ""], ["direction", "forward"]], signal,
    ).catch(() => null);
    if (!found || signal.aborted) return;
    const more = found.entries.length > state.fresh;
    patch(browse, { fresh: found.entries.length });
    if (more) this.#recount();
  }

  /** Counts and draws again: new records have arrived. */
  #recount() {
    if (!this.#counted) return;
    this.count(this.#counted);
    this.draw(this.#counted);
  }

  /** The boots of the machine are known, and with them the default range of a view. @param {View} view */
  rerange(view) {
    const current = boots.peek()?.[0];
    const parameters = toParameters(ranged(view.filter));
    if (!current || JSON.stringify(parameters) === JSON.stringify(this.#parameters)) return;
    this.#recount();
    if (view.context || view.run || browse.peek().loading !== "" || browse.peek().error) return;
    // what is loaded is of this boot: only older pages differ
    if (this.#list.firstId >= current.firstId && this.#newer === null) {
      this.#parameters = parameters;
      if (this.#list.firstId === current.firstId) this.#older = null;
      this.#settle();
    } else this.load(view, this.#newer === null ? "end" : this.#list.visible?.[0].id ?? "end", "top");
  }

  /**
   * Finds the nearest record beyond the loaded ones that matches a narrower filter.
   * @param {Parameters} narrower
   * @param {number} from
   * @param {"backward" | "forward"} direction
   * @returns {Promise<number>} its id; 0: none
   */
  async seek(narrower, from, direction) {
    const kept = this.#parameters.filter(([name]) => !narrower.some(([other]) => sameKind(name, other)));
    /** @type {Parameters} */
    const rest = [["limit", "1"], ["direction", direction]];
    let cursor = api.cursorAt(from);
    for (;;) {
      const page = await api.page([...kept, ...narrower, ...rest, ["cursor", cursor]], this.#abort.signal);
      const found = page.entries[0];
      if (found) return found.id;
      if (!page.hasMore || !page.nextCursor) return 0;
      cursor = page.nextCursor;
    }
  }

  // ---- counts

  /** @param {View} view */
  async count(view) {
    this.#counted = view;
    this.#countsAbort.abort();
    const abort = new AbortController();
    this.#countsAbort = abort;
    const filter = ranged(view.filter);
    const open = toParameters({ ...filter, sources: [], levels: EVERYTHING.levels });
    const found = await api.sources(open, abort.signal).catch(() => null);
    if (!found || abort.signal.aborted) return;
    // if not all sources are listed, the server counts the records of the filter
    const shown = found.hasMore ? await api.sources([...toParameters(filter), ["limit", "1"]], abort.signal).catch(() => null) : null;
    if (abort.signal.aborted) return;
    together(() => {
      counts.value = found.sources;
      unlisted.value = found.hasMore ? { total: shown?.total ?? 0, levels: shown?.levels ?? {} } : null;
    });
  }

  /** @param {View} view */
  async draw({ filter }) {
    this.#histogramAbort.abort();
    if (features.peek().histogram === false) return;
    const abort = new AbortController();
    this.#histogramAbort = abort;
    try {
      const found = await api.histogram(toParameters(ranged(filter)), BUCKETS, abort.signal);
      if (abort.signal.aborted) return;
      learn({ histogram: true });
      histogram.value = found;
    } catch (error) {
      if (error instanceof api.ApiError && isMissing(error)) learn({ histogram: false });
      else if (!isAborted(error)) histogram.value = null;
    }
  }
}

/**
 * @param {string} a
 * @param {string} b
 */
const sameKind = (a, b) => a === b || (a.startsWith("level") && b.startsWith("level"));

/** The record of a cursor; 0 if unknown. @param {string} cursor */
function reachedBy(cursor) {
  try {
    return Number(atob(cursor)) || 0;
  } catch {
    return 0;
  }
}

/**
 * Whether the server does not know the path: older ones take its last word for the ID of a record.
 * @param {api.ApiError} error
 */
const isMissing = (error) => error.status === 404 || (error.status === 400 && error.parameter === "buckets");
