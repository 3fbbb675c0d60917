// The list: any number of items, of which only those near the screen have elements. Heights are computed without layout, so that every
// position in the list is known at once.

import { measure } from "../lib/text/display.js";
import { Geometry } from "../lib/rows/geometry.js";
import { allEntries, itemsOf, lastEntry, lostItem } from "../lib/rows/items.js";
import { read, same } from "./metrics.js";
import { cells } from "../lib/text/cells.js";
import { shortName } from "../lib/sources.js";
import { fieldAt } from "../lib/text/fields.js";
import { blank, isSelected, modeOf, paint, PLAIN_LOOK } from "./row.js";
import { element } from "./spans.js";

/** @typedef {import("../lib/types.js").Entry} Entry */
/** @typedef {import("../lib/rows/items.js").Item} Item */
/** @typedef {import("./row.js").Look} Look */

/** Pixels drawn beyond the screen on either side: a fast scroll moves this far in one frame. */
const OVERSCAN = 320;
/** Elements kept for reuse. */
const SPARE_MAX = 40;
/** The line above the first row. */
const EDGE_PX = 32;
/** A position nearer than this to an end counts as the end. */
const END_PX = 4;
/** Bounds of the column of sources, in characters. */
const SOURCE_CELLS_MIN = 6;
const SOURCE_CELLS_MAX = 24;
/** Longer values of a column are cut. */
const COLUMN_CELLS_MAX = 36;
/** A second click this soon after the first is one on a word, not on a record. */
const DOUBLE_CLICK_MS = 500;
/** A pointer that moves further between press and release selects text. */
const CLICK_PX = 4;

/**
 * @typedef {object} Handlers
 * @property {(entry: Entry) => void} onOpen a row was chosen
 * @property {() => void} onUnopen the click that chose it was the first of two on a word
 * @property {(entry: Entry) => void} onExtend a row was chosen as the end of a range
 * @property {() => void} onOlder what is older is asked for
 * @property {(item: Item) => void} onCopy
 * @property {(entries: Entry[]) => string} asText records as lines to be copied
 * @property {(item: Item) => void} onLost
 * @property {(key: string) => void} onColumn a column is not wanted any more
 * @property {() => void} onMove the list moved or changed
 * @property {() => void} onUser a person moved it
 */

export class ListView {
  #geometry = new Geometry();
  /** @type {Map<Item, HTMLElement>} */
  #shown = new Map();
  /** @type {HTMLElement[]} */
  #spare = [];
  #canvas = document.createElement("div");
  #probe = document.createElement("span");
  #edge = document.createElement("div");
  #handlers;
  #frame = 0;
  /** @type {import("./metrics.js").Metrics} */
  #metrics = { cell: 8, line: 18, pad: 4, meta: 0, separator: 30, columns: 80, fixed: 0 };
  #wrap = true;
  #widest = 0;
  /** @type {Look} */
  #look = PLAIN_LOOK;
  /** Characters of the longest source in the list. */
  #sourceCells = SOURCE_CELLS_MIN;
  #showsSource = true;
  /** The wanted columns with the characters of their longest values. @type {Map<string, number>} */
  #columns = new Map();
  /** Whether the newest record is at the top. All positions in this class are those of the other order; see `#scroll`. */
  #newestFirst = false;
  /** The height of the canvas in the page. */
  #canvasHeight = 0;
  #openedAt = 0;
  /** What the pointer was pressed on: rows may move before it is released. @type {{item: Item | undefined, x: number, y: number}} */
  #pressed = { item: undefined, x: 0, y: 0 };
  /** The names of the columns, above the list. */
  head = document.createElement("div");
  /** Whether the list follows its end. */
  stick = false;
  /** Whether it showed its end when it was last drawn. */
  #ended = false;
  /** The offset when it was last drawn: the browser forgets it while the list is hidden. */
  #drawnAt = 0;
  #hidden = false;
  /** Its height when it was last notified of one; 0: never. */
  #height = 0;
  /** The position of a record that was scrolled to; it is kept while the size of the list settles, until the user scrolls. */
  #placed = { id: 0, place: /** @type {"middle" | "top" | "bottom"} */ ("top") };

  /**
   * @param {string} label
   * @param {Handlers} handlers
   */
  constructor(label, handlers) {
    this.#handlers = handlers;
    const list = document.createElement("div");
    list.className = "list";
    list.tabIndex = 0;
    list.setAttribute("role", "grid");
    list.setAttribute("aria-label", label);
    list.setAttribute("aria-readonly", "true");
    list.setAttribute("aria-multiselectable", "true");
    this.#canvas.className = "canvas";
    this.#canvas.setAttribute("role", "presentation");
    this.#probe.className = "probe";
    this.#probe.setAttribute("aria-hidden", "true");
    this.#probe.textContent = "0".repeat(100);
    this.#edge.className = "edge";
    const box = document.createElement("div");
    box.className = "probe-box";
    box.append(this.#probe);
    list.append(box, this.#edge, this.#canvas);
    this.element = list;
    this.head.className = "list-head";
    this.head.setAttribute("role", "group");
    this.head.setAttribute("aria-label", "Columns");
    this.head.addEventListener("click", (event) => {
      const key = event.target instanceof Element && event.target.closest("button")?.dataset.key;
      if (key) handlers.onColumn(key);
    });
    list.addEventListener("scroll", () => {
      const names = this.head.firstElementChild;
      if (names instanceof HTMLElement) names.style.transform = `translateX(${-list.scrollLeft}px)`;
      this.#schedule();
    }, { passive: true });
    for (const name of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      list.addEventListener(name, () => {
        this.#placed.id = 0;
        handlers.onUser();
      }, { passive: true });
    }
    list.addEventListener("mousedown", (event) => {
      const isRow = event.target instanceof Element && event.target.closest(".row");
      this.#pressed = { item: isRow ? this.#itemOf(event.target) : undefined, x: event.clientX, y: event.clientY };
      // the browser would select text from there to here
      if (event.shiftKey) event.preventDefault();
    });
    list.addEventListener("mouseup", (event) => this.#release(event));
    list.addEventListener("click", (event) => this.#click(event));
    list.addEventListener("dblclick", () => {
      if (performance.now() - this.#openedAt < DOUBLE_CLICK_MS) handlers.onUnopen();
    });
    list.addEventListener("copy", (event) => this.#copy(event));
    new ResizeObserver(() => this.#resized()).observe(list);
  }

  // ---- content

  get count() {
    return this.#geometry.count;
  }

  get firstId() {
    return this.#geometry.first()?.entry.id ?? 0;
  }

  get lastId() {
    const last = this.#geometry.last();
    return last ? lastEntry(last).id : 0;
  }

  clear() {
    this.#geometry.clear();
    this.#widest = 0;
    this.#sourceCells = SOURCE_CELLS_MIN;
    this.#recycle(new Set());
    this.#sizeCanvas();
    this.#scroll = 0;
    this.#changed();
  }

  /** @param {Entry[]} entries newer than all that are here */
  append(entries) {
    const last = this.#geometry.last();
    const items = itemsOf(entries, { utc: this.#look.utc, previous: last });
    this.#noteSources(entries);
    if (last) this.#remeasure(last);
    for (const item of items) item.height = this.#heightOf(item);
    this.#geometry.append(items);
    this.#changed();
  }

  /** @param {Entry[]} entries older than all that are here */
  prepend(entries) {
    const first = this.#geometry.shift();
    const removed = first ? first.height : 0;
    const tail = first && first.kind === "row" ? allEntries(first) : [];
    const items = itemsOf([...entries, ...tail], { utc: this.#look.utc });
    this.#noteSources(entries);
    if (first && first.kind === "lost") items.push(first);
    for (const item of items) item.height = this.#heightOf(item);
    const added = this.#geometry.prepend(items);
    if (first) this.#forget(first);
    const before = this.#scroll;
    this.#sizeCanvas();
    this.#scroll = before + added - removed;
    this.#changed();
  }

  /**
   * Appends a marker for missing records; it is drawn with the next record.
   * @param {{from: number, to: number, count: number}} lost
   * @param {Entry} near a record beside the gap
   */
  appendLost(lost, near) {
    const item = lostItem(near, lost);
    item.height = this.#heightOf(item);
    this.#geometry.append([item]);
    this.#changed();
  }

  /**
   * @param {Item} item a mark for lost records
   * @param {Entry[]} entries what was lost
   */
  fillLost(item, entries) {
    const items = itemsOf(entries, { utc: this.#look.utc });
    for (const made of items) made.height = this.#heightOf(made);
    const before = this.#scroll;
    const above = this.#geometry.topOf(item) < this.#top;
    const grown = items.reduce((sum, made) => sum + made.height, 0) - item.height;
    this.#geometry.replace(item, items);
    this.#forget(item);
    this.#sizeCanvas();
    if (above) this.#scroll = before + grown;
    this.#changed();
  }

  /** @param {number} most @returns {number} how many items went */
  dropFront(most) {
    const { height, items } = this.#geometry.dropFront(most);
    if (items.length === 0) return 0;
    const top = this.#scroll;
    this.#sizeCanvas();
    this.#scroll = Math.max(0, top - height);
    this.#changed();
    return items.length;
  }

  /** @param {number} most @returns {number} how many items went */
  dropBack(most) {
    const { items } = this.#geometry.dropBack(most);
    if (items.length > 0) this.#changed();
    return items.length;
  }

  /** Records in the list, in order. @returns {Generator<Entry>} */
  *entries() {
    for (const item of this.#geometry.walk(null, 1)) yield* allEntries(item);
  }

  // ---- look

  /** @param {Partial<Look>} change */
  setLook(change) {
    const before = this.#look;
    this.#look = { ...before, ...change };
    const keys = /** @type {(keyof Look)[]} */ (Object.keys(change)).filter((key) => before[key] !== this.#look[key]);
    // rows keep their elements, and with them what a person has selected in them
    if (Object.keys(change).length > 0 && keys.every((key) => key === "selected")) {
      this.#reselect();
      return;
    }
    if (before.raw !== this.#look.raw || before.fields !== this.#look.fields) this.#remeasureAll();
    this.#recycle(new Set());
    this.#schedule();
  }

  /** Marks the open record, and no other. */
  #reselect() {
    for (const [item, target] of this.#shown) {
      const row = target.querySelector(".row");
      if (!row || item.kind !== "row") continue;
      const open = isSelected(item, this.#look);
      row.classList.toggle("selected", open);
      if (open || row.classList.contains("ranged")) row.setAttribute("aria-selected", "true");
      else row.removeAttribute("aria-selected");
    }
    this.#schedule();
  }

  /** @param {boolean} wrap */
  setWrap(wrap) {
    if (this.#wrap === wrap) return;
    this.#wrap = wrap;
    this.element.classList.toggle("nowrap", !wrap);
    this.#remeasureAll();
    this.#recycle(new Set());
  }

  /** Shows or hides the column of sources. @param {boolean} shown */
  setSources(shown) {
    if (this.#showsSource === shown) return;
    this.#showsSource = shown;
    this.element.classList.toggle("no-source", !shown);
    this.#resized();
  }

  /** Shows fields in columns of their own; narrow screens have no room for them. @param {readonly string[]} keys */
  setColumns(keys) {
    if (keys.join() === [...this.#columns.keys()].join()) return;
    this.#columns = new Map(keys.map((key) => [key, Math.min(COLUMN_CELLS_MAX, cells(key) + 2)]));
    for (const entry of this.entries()) this.#noteColumns(entry);
    this.#resized();
  }

  /** Widens the columns to their longest values. @param {Entry} entry */
  #noteColumns({ metadata }) {
    let wider = false;
    for (const [key, known] of this.#columns) {
      const wanted = Math.min(COLUMN_CELLS_MAX, cells(fieldAt(metadata, key)?.[1] ?? ""));
      if (wanted > known) this.#columns.set(key, wanted);
      wider ||= wanted > known;
    }
    return wider;
  }

  #drawHead() {
    const keys = this.#look.columns;
    this.head.hidden = keys.length === 0;
    this.element.classList.toggle("columned", keys.length > 0);
    const names = element("div", "names");
    names.append(element("span", ""), element("span", "", "Time"), element("span", "source", "Source"), ...keys.map((key) => {
      const name = element("span", "column-name");
      const button = element("button", "plain");
      button.dataset.key = key;
      button.title = "Remove this column";
      button.setAttribute("aria-label", `Remove column ${key}`);
      name.append(element("span", "", key), button);
      name.title = key;
      return name;
    }), element("span", "", "Message"));
    this.head.classList.toggle("no-source", !this.#showsSource);
    this.head.replaceChildren(names);
  }

  /** Widens the columns to their longest texts. @param {readonly Entry[]} entries */
  #noteSources(entries) {
    let longest = this.#sourceCells;
    let wider = false;
    let last = "";
    for (const entry of entries) {
      if (this.#columns.size > 0 && this.#noteColumns(entry)) wider = true;
      if (entry.source === last) continue;
      last = entry.source;
      longest = Math.max(longest, Math.min(SOURCE_CELLS_MAX, cells(shortName(last))));
    }
    if (longest === this.#sourceCells && !wider) return;
    this.#sourceCells = longest;
    this.#setMetrics();
    if (this.#geometry.count > 0) this.#remeasureAll();
  }

  /** Reads the sizes again. @returns {boolean} whether they have changed */
  #setMetrics() {
    const before = this.#metrics;
    const narrow = Boolean(parseFloat(getComputedStyle(this.element).getPropertyValue("--row-meta")));
    const shown = narrow ? [] : [...this.#columns.keys()];
    const others = shown.join() !== this.#look.columns.join();
    if (others || this.head.childElementCount === 0 || this.head.classList.contains("no-source") === this.#showsSource) {
      this.#look = { ...this.#look, columns: shown };
      this.#drawHead();
      this.#recycle(new Set());
    }
    this.#metrics = read(this.element, this.#probe, this.#showsSource ? this.#sourceCells : 0, narrow ? [] : [...this.#columns.values()]);
    return others || !same(before, this.#metrics);
  }

  // ---- place

  /** The largest offset. It is computed, because the browser would have to lay out the page for it. */
  get #scrollMax() {
    return Math.max(0, this.#canvasHeight + EDGE_PX - this.element.clientHeight);
  }

  /** The distance from the edge of the oldest records: from the top, or with the newest first from the bottom. */
  get #scroll() {
    return this.#newestFirst ? this.#scrollMax - this.element.scrollTop : this.element.scrollTop;
  }

  set #scroll(px) {
    this.element.scrollTop = this.#newestFirst ? this.#scrollMax - px : px;
  }

  /** Whether the newest record is in view. */
  get atEnd() {
    return this.#scroll >= this.#scrollMax - END_PX;
  }

  /** Changes the order; what is in view stays. @param {boolean} newestFirst */
  setOrder(newestFirst) {
    if (this.#newestFirst === newestFirst) return;
    const [first] = this.visible ?? [];
    const ended = this.atEnd;
    this.#newestFirst = newestFirst;
    this.element.classList.toggle("newest-first", newestFirst);
    if (newestFirst) this.element.append(this.#edge);
    else this.#canvas.before(this.#edge);
    this.#recycle(new Set());
    if (ended || !first) this.toEnd();
    else this.show(first.id, "top");
    this.#changed();
  }

  get pixelsAbove() {
    return Math.max(0, this.#top);
  }

  get pixelsBelow() {
    return Math.max(0, this.#geometry.height - this.#top - this.element.clientHeight);
  }

  /** The offset of the upper edge of the screen. */
  get #top() {
    return this.#scroll - EDGE_PX;
  }

  /** Sets the line above the first row: a text, and a button to load more. @param {{text: string, button: string}} edge */
  setEdge({ text, button }) {
    if (this.#edge.textContent === text + button) return;
    this.#edge.replaceChildren();
    this.#edge.toggleAttribute("role", false);
    if (!text && !button) return;
    this.#edge.setAttribute("role", "row");
    const cell = element("span", "");
    cell.setAttribute("role", "gridcell");
    if (text) cell.append(element("span", "edge-text", text));
    if (button) {
      const made = element("button", "link", button);
      made.tabIndex = -1;
      cell.append(made);
    }
    this.#edge.append(cell);
  }

  /** The first and the last record on the screen. @returns {[Entry, Entry] | null} */
  get visible() {
    const { items } = this.#geometry.between(this.#top, this.#top + this.element.clientHeight);
    const [first, last] = [items[0], items.at(-1)];
    return first && last ? [first.entry, lastEntry(last)] : null;
  }

  toEnd() {
    this.#placed.id = 0;
    this.#sizeCanvas();
    this.#scroll = this.#scrollMax;
    this.#schedule();
  }

  toStart() {
    this.#placed.id = 0;
    this.#scroll = 0;
    this.#schedule();
  }

  /**
   * @param {number} id
   * @param {"middle" | "top" | "bottom" | "near"} place `bottom`: with a little of what follows; `near`: no further than is needed
   * @returns {boolean} whether it is here
   */
  show(id, place) {
    const item = this.#geometry.find(id);
    if (!item) return false;
    const top = this.#geometry.topOf(item) + EDGE_PX;
    const { clientHeight } = this.element;
    const at = this.#scroll;
    if (place !== "near") this.#placed = { id, place };
    if (place === "top") this.#scroll = top;
    else if (place === "bottom") this.#scroll = top + item.height - clientHeight * 0.8;
    else if (place === "middle") this.#scroll = top - Math.max(0, clientHeight - item.height) / 2;
    else if (top < at) this.#scroll = top;
    else if (top + item.height > at + clientHeight) this.#scroll = top + Math.min(item.height, clientHeight) - clientHeight;
    this.#schedule();
    return true;
  }

  /**
   * The record some steps from another, or from the edge of the screen.
   * @param {number} id
   * @param {1 | -1} step
   * @param {(entry: Entry) => boolean} wanted
   * @returns {Entry | null}
   */
  next(id, step, wanted = () => true) {
    const here = id ? this.#geometry.find(id) : undefined;
    if (id && !here) return null;
    const { items } = this.#geometry.between(this.#top, this.#top + this.element.clientHeight);
    const edge = step > 0 ? items[0] : items.at(-1);
    if (!here && edge && wanted(edge.entry)) return edge.entry;
    const from = here ?? edge ?? null;
    for (const item of this.#geometry.walk(from, step)) if (item.kind === "row" && wanted(item.entry)) return item.entry;
    return null;
  }

  /** @param {number} id @returns {Entry | null} */
  entry(id) {
    const item = this.#geometry.find(id);
    return (item && allEntries(item).find((entry) => entry.id === id)) ?? null;
  }

  /** A record with those that are folded under it, unless they only repeat it. @param {number} id @returns {Entry[]} */
  group(id) {
    const item = this.#geometry.find(id);
    if (!item) return [];
    return item.group === "repeat" ? allEntries(item).filter((entry) => entry.id === id) : allEntries(item);
  }

  /** Opens or folds the item of a record. @param {number} id */
  toggle(id) {
    const item = this.#geometry.find(id);
    if (item) this.#toggle(item);
  }

  // ---- drawing

  #changed() {
    this.#sizeCanvas();
    this.element.setAttribute("aria-rowcount", String(this.#geometry.count));
    if (this.stick) this.#scroll = this.#scrollMax;
    // before the browser paints: the rows at the new place are not drawn yet
    this.#draw();
    this.#schedule();
  }

  #sizeCanvas() {
    // what is below keeps its place, as what is above does in the other order
    const at = this.#newestFirst ? this.#scroll : 0;
    this.#canvasHeight = this.#geometry.height;
    this.#canvas.style.height = `${this.#canvasHeight}px`;
    if (this.#newestFirst) this.#scroll = at;
    const width = this.#wrap ? 0 : Math.ceil(this.#widest * this.#metrics.cell + this.#metrics.fixed);
    this.#canvas.style.minWidth = width ? `${width}px` : "";
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      // a hidden list has no place
      if (this.element.clientHeight === 0) return;
      this.#draw();
      this.#handlers.onMove();
    });
  }

  #draw() {
    const { clientHeight } = this.element;
    if (clientHeight === 0) return;
    const top = this.#top;
    const { items, start, startIndex } = this.#geometry.between(top - OVERSCAN, top + clientHeight + OVERSCAN);
    this.#recycle(new Set(items));
    // a frame in which the list has another height comes before the list is notified
    if (this.#height === 0 || this.#height === clientHeight) this.#ended = this.atEnd;
    this.#drawnAt = this.#scroll;
    let y = start;
    /** @type {Item[]} */
    const guessed = [];
    items.forEach((item, at) => {
      let target = this.#shown.get(item);
      if (!target) {
        target = this.#spare.pop() ?? blank();
        paint(target, item, this.#newestFirst ? this.#geometry.count - 1 - startIndex - at : startIndex + at, this.#look, this.#newestFirst);
        this.#shown.set(item, target);
        this.#canvas.append(target);
        if (!item.exact) guessed.push(item);
      }
      const place = `translateY(${this.#newestFirst ? this.#canvasHeight - y - item.height : y}px)`;
      if (target.style.transform !== place) target.style.transform = place;
      y += item.height;
    });
    const active = `row-${this.#geometry.find(this.#look.selected)?.entry.id ?? 0}`;
    if (this.#look.selected && document.getElementById(active)) this.element.setAttribute("aria-activedescendant", active);
    else this.element.removeAttribute("aria-activedescendant");
    if (guessed.length > 0) this.#correct(guessed);
  }

  /** Takes the true heights of rows whose characters have no certain width. @param {Item[]} items */
  #correct(items) {
    const { scrollTop, clientHeight } = this.element;
    let above = 0;
    let changed = false;
    for (const item of items) {
      item.exact = true;
      const height = this.#shown.get(item)?.offsetHeight ?? item.height;
      if (height === item.height || height === 0) continue;
      const top = this.#geometry.topOf(item);
      if (this.#newestFirst ? top + item.height > this.#top + clientHeight : top < this.#top) above += height - item.height;
      this.#geometry.setHeight(item, height);
      changed = true;
    }
    if (!changed) return;
    this.#sizeCanvas();
    if (this.stick) this.#scroll = this.#scrollMax;
    else if (above !== 0 || this.#newestFirst) this.element.scrollTop = scrollTop + above;
    this.#schedule();
  }

  /** Takes elements of items that are not kept out of the page. @param {Set<Item>} kept */
  #recycle(kept) {
    for (const [item, target] of this.#shown) {
      if (kept.has(item)) continue;
      target.remove();
      this.#shown.delete(item);
      if (this.#spare.length < SPARE_MAX) this.#spare.push(target);
    }
  }

  /** @param {Item} item */
  #forget(item) {
    const target = this.#shown.get(item);
    target?.remove();
    this.#shown.delete(item);
  }

  // ---- heights

  /** @param {Item} item */
  #heightOf(item) {
    const { line, pad, meta, separator, columns } = this.#metrics;
    const marks = item.before.length * separator;
    if (item.kind === "lost") return marks + separator;
    const width = this.#wrap ? columns : 0;
    const mode = { raw: this.#look.raw, json: true, full: false };
    const own = measure(item.entry.message, modeOf(item, this.#look), width);
    let { lines } = own;
    item.exact = own.exact;
    this.#widest = Math.max(this.#widest, own.width);
    if (item.open && item.group === "repeat") lines += item.rest.length;
    if (item.open && item.group === "trace") {
      for (const entry of item.rest) {
        const more = measure(entry.message, mode, width);
        lines += more.lines;
        item.exact &&= more.exact;
      }
    }
    return marks + pad + meta + lines * line;
  }

  /** @param {Item} item */
  #remeasure(item) {
    this.#geometry.setHeight(item, this.#heightOf(item));
    this.#forget(item);
  }

  #remeasureAll() {
    const anchor = this.visible?.[0];
    const end = this.atEnd;
    const item = anchor && this.#geometry.find(anchor.id);
    const offset = item ? this.#top - this.#geometry.topOf(item) : 0;
    const selected = this.#isOnScreen(this.#look.selected);
    this.#widest = 0;
    this.#geometry.measureAll((one) => this.#heightOf(one));
    this.#recycle(new Set());
    this.#sizeCanvas();
    if (end) this.#scroll = this.#scrollMax;
    else if (item) this.#scroll = this.#geometry.topOf(item) + EDGE_PX + Math.min(offset, item.height);
    if (selected) this.show(this.#look.selected, "near");
    this.#changed();
  }

  /** @param {number} id */
  #isOnScreen(id) {
    const item = id ? this.#geometry.find(id) : undefined;
    if (!item) return false;
    const top = this.#geometry.topOf(item);
    return top + item.height > this.#top && top < this.#top + this.element.clientHeight;
  }

  #resized() {
    if (this.element.clientHeight === 0) {
      this.#hidden = true;
      return;
    }
    const ended = this.#ended;
    this.#height = this.element.clientHeight;
    if (this.#hidden) this.#scroll = this.#drawnAt;
    this.#hidden = false;
    if (this.#setMetrics()) this.#remeasureAll();
    else this.#changed();
    if (ended) this.#scroll = this.#scrollMax;
    else if (this.#placed.id && !this.stick) this.show(this.#placed.id, this.#placed.place);
  }

  /** After a change of theme or density. */
  restyle() {
    this.#resized();
  }

  // ---- pointer

  /** @param {MouseEvent} event */
  #click(event) {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest(".edge button")) this.#handlers.onOlder();
    const item = this.#itemOf(event.target);
    if (event.target.closest("a")) return;
    const act = event.target.closest("[data-act]")?.getAttribute("data-act");
    if (item && act === "copy") this.#handlers.onCopy(item);
    else if (item && act === "lost") this.#handlers.onLost(item);
    else if (item && act) this.#toggle(item);
    else if (item?.kind === "row" && event.shiftKey && event.target.closest(".row")) this.#handlers.onExtend(item.entry);
    else if (item?.kind === "row" && event.target.closest(".row") && event.detail < 2 && (event.detail === 0 || !this.#hasMoved(item))) this.#open(item.entry);
  }

  /**
   * Opens the record that the pointer was pressed on if other rows are under it now: the browser then sends no click.
   * @param {MouseEvent} event
   */
  #release(event) {
    const { item, x, y } = this.#pressed;
    const isClick = event.button === 0 && event.detail < 2 && !event.shiftKey && Math.hypot(event.clientX - x, event.clientY - y) < CLICK_PX;
    if (isClick && item?.kind === "row" && this.#hasMoved(this.#itemOf(event.target))) this.#open(item.entry);
  }

  /** Whether the pointer was pressed on another record than is under it now. @param {Item | undefined} under */
  #hasMoved(under) {
    const { item } = this.#pressed;
    return item?.kind === "row" && !(under?.kind === "row" && under.entry.id === item.entry.id);
  }

  /** @param {Entry} entry */
  #open(entry) {
    if (hasSelection(this.element)) return;
    this.#openedAt = performance.now();
    this.#handlers.onOpen(entry);
  }

  /** The item that an element is a part of. @param {EventTarget | null} target */
  #itemOf(target) {
    const holder = target instanceof Element ? target.closest(".item") : null;
    return holder ? [...this.#shown].find(([, shown]) => shown === holder)?.[0] : undefined;
  }

  /** Copies selected rows as lines with their time and source. A selection within one row is copied as it is. @param {ClipboardEvent} event */
  #copy(event) {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || !event.clipboardData) return;
    const range = selection.getRangeAt(0);
    const touched = [...this.#shown].filter(([item, shown]) => item.kind === "row" && range.intersectsNode(shown));
    if (touched.length < 2) return;
    const entries = touched.map(([item]) => item).sort((a, b) => a.entry.id - b.entry.id).flatMap(allEntries);
    event.clipboardData.setData("text/plain", this.#handlers.asText(entries));
    event.preventDefault();
  }

  /** @param {Item} item */
  #toggle(item) {
    const { scrollTop } = this.element;
    item.open = !item.open;
    this.#remeasure(item);
    this.stick = false;
    this.#sizeCanvas();
    this.element.scrollTop = scrollTop;
    this.#changed();
  }
}

/** Whether a person has selected text here. @param {Element} within */
export function hasSelection(within) {
  const selection = getSelection();
  return Boolean(selection && !selection.isCollapsed && selection.anchorNode && within.contains(selection.anchorNode));
}
