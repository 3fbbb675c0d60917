// A ring buffer: beyond its capacity, new entries replace the oldest ones, which are counted.

/** @template T */
export class Ring {
  /** @type {T[]} */
  #slots = [];
  #head = 0;
  #capacity;
  /** The number of replaced entries since the last `clear`. */
  dropped = 0;

  /** @param {number} capacity */
  constructor(capacity) {
    this.#capacity = capacity;
  }

  get size() {
    return this.#slots.length;
  }

  /**
   * @param {T} value
   * @returns {T | undefined} what it pushed out
   */
  push(value) {
    if (this.#slots.length < this.#capacity) {
      this.#slots.push(value);
      return undefined;
    }
    const out = this.#slots[this.#head];
    this.#slots[this.#head] = value;
    this.#head = (this.#head + 1) % this.#capacity;
    this.dropped += 1;
    return out;
  }

  /** Oldest first. @returns {T[]} */
  toArray() {
    return [...this.#slots.slice(this.#head), ...this.#slots.slice(0, this.#head)];
  }

  /** Takes everything out. @returns {{values: T[], dropped: number}} */
  take() {
    const taken = { values: this.toArray(), dropped: this.dropped };
    this.clear();
    return taken;
  }

  clear() {
    this.#slots = [];
    this.#head = 0;
    this.dropped = 0;
  }
}
