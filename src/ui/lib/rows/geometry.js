// The position of each item in a long list. Items are in chunks of known height, so that adding or removing items at either end, or
// changing the height of one, costs no more than their own chunks.

/** @typedef {import("./items.js").Item} Item */

/** Chunks are searched linearly, and so are items within one: about the square root of the list's length. */
const CHUNK = 256;

/** @typedef {{items: Item[], height: number}} Chunk */

export class Geometry {
  /** @type {Chunk[]} */
  #chunks = [];
  height = 0;
  count = 0;

  clear() {
    this.#chunks = [];
    this.height = 0;
    this.count = 0;
  }

  /** @param {readonly Item[]} items */
  append(items) {
    for (const item of items) {
      let chunk = this.#chunks.at(-1);
      if (!chunk || chunk.items.length >= CHUNK) {
        chunk = { items: [], height: 0 };
        this.#chunks.push(chunk);
      }
      chunk.items.push(item);
      chunk.height += item.height;
      this.height += item.height;
    }
    this.count += items.length;
  }

  /**
   * @param {readonly Item[]} items
   * @returns {number} pixels that everything else moved down
   */
  prepend(items) {
    const made = new Geometry();
    made.append(items);
    this.#chunks.unshift(...made.#chunks);
    this.height += made.height;
    this.count += made.count;
    return made.height;
  }

  /**
   * Puts items in the place of one.
   * @param {Item} item
   * @param {readonly Item[]} items
   */
  replace(item, items) {
    for (const chunk of this.#chunks) {
      const at = chunk.items.indexOf(item);
      if (at < 0) continue;
      chunk.items.splice(at, 1, ...items);
      const grown = items.reduce((sum, next) => sum + next.height, 0) - item.height;
      chunk.height += grown;
      this.height += grown;
      this.count += items.length - 1;
      return;
    }
  }

  /**
   * Drops items from the front until at most `most` are left, whole chunks at a time.
   * @param {number} most
   * @returns {{height: number, items: Item[]}} what went
   */
  dropFront(most) {
    return this.#drop(most, () => this.#chunks.shift());
  }

  /**
   * @param {number} most
   * @returns {{height: number, items: Item[]}} what went
   */
  dropBack(most) {
    return this.#drop(most, () => this.#chunks.pop());
  }

  /**
   * @param {number} most
   * @param {() => Chunk | undefined} take
   */
  #drop(most, take) {
    let height = 0;
    /** @type {Item[]} */
    const items = [];
    while (this.count > most && this.#chunks.length > 1) {
      const chunk = take();
      if (!chunk) break;
      height += chunk.height;
      for (const item of chunk.items) items.push(item);
      this.count -= chunk.items.length;
    }
    this.height -= height;
    return { height, items };
  }

  /** Removes the first item. @returns {Item | undefined} */
  shift() {
    const chunk = this.#chunks[0];
    const item = chunk?.items.shift();
    if (!chunk || !item) return undefined;
    chunk.height -= item.height;
    this.height -= item.height;
    this.count -= 1;
    if (chunk.items.length === 0) this.#chunks.shift();
    return item;
  }

  first() {
    return this.#chunks[0]?.items[0];
  }

  last() {
    return this.#chunks.at(-1)?.items.at(-1);
  }

  /**
   * The items from `top` to `bottom`, and where the first of them begins.
   * @param {number} top
   * @param {number} bottom
   */
  between(top, bottom) {
    /** @type {Item[]} */
    const items = [];
    let y = 0;
    let index = 0;
    let start = 0;
    let startIndex = 0;
    for (const chunk of this.#chunks) {
      if (y + chunk.height <= top) {
        y += chunk.height;
        index += chunk.items.length;
        continue;
      }
      for (const item of chunk.items) {
        if (y >= bottom) return { items, start, startIndex };
        if (y + item.height > top) {
          if (items.length === 0) [start, startIndex] = [y, index];
          items.push(item);
        }
        y += item.height;
        index += 1;
      }
      if (y >= bottom) break;
    }
    return { items, start, startIndex };
  }

  /**
   * The offset of an item; -1 if it is not in the list.
   * @param {Item} wanted
   */
  topOf(wanted) {
    let y = 0;
    for (const chunk of this.#chunks) {
      const at = chunk.items.indexOf(wanted);
      if (at >= 0) return chunk.items.slice(0, at).reduce((sum, item) => sum + item.height, y);
      y += chunk.height;
    }
    return -1;
  }

  /**
   * @param {Item} item
   * @param {number} height
   */
  setHeight(item, height) {
    if (item.height === height) return;
    const chunk = this.#chunks.find((candidate) => candidate.items.includes(item));
    if (!chunk) return;
    chunk.height += height - item.height;
    this.height += height - item.height;
    item.height = height;
  }

  /**
   * Computes every height again.
   * @param {(item: Item) => number} heightOf
   */
  measureAll(heightOf) {
    this.height = 0;
    for (const chunk of this.#chunks) {
      chunk.height = 0;
      for (const item of chunk.items) {
        item.height = heightOf(item);
        chunk.height += item.height;
      }
      this.height += chunk.height;
    }
  }

  /**
   * The item that holds a record, or the first after it.
   * @param {number} id
   * @returns {Item | undefined}
   */
  find(id) {
    for (const chunk of this.#chunks) {
      const last = chunk.items.at(-1);
      if (!last || (last.rest.at(-1)?.id ?? last.entry.id) < id) continue;
      return chunk.items.find((item) => (item.rest.at(-1)?.id ?? item.entry.id) >= id && item.kind === "row");
    }
    return undefined;
  }

  /**
   * Items in order, from the one after `from` (or from the end it starts at).
   * @param {Item | null} from
   * @param {1 | -1} step
   * @returns {Generator<Item>}
   */
  *walk(from, step) {
    const chunks = this.#chunks;
    let c = from ? chunks.findIndex((chunk) => chunk.items.includes(from)) : step > 0 ? 0 : chunks.length - 1;
    let i = from ? (chunks[c]?.items.indexOf(from) ?? 0) + step : step > 0 ? 0 : (chunks[c]?.items.length ?? 0) - 1;
    for (; c >= 0 && c < chunks.length; c += step, i = step > 0 ? 0 : (chunks[c]?.items.length ?? 0) - 1) {
      const items = chunks[c]?.items ?? [];
      for (; i >= 0 && i < items.length; i += step) yield /** @type {Item} */ (items[i]);
    }
  }
}
