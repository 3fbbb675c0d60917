// The title of the page counts the errors and problems that arrived while it was hidden.

/** Larger counts do not fit into a tab. */
const COUNT_MAX = 999;

/** @param {string} title @param {number} arrived */
export function titled(title, arrived) {
  if (arrived === 0) return title;
  return `(${arrived > COUNT_MAX ? `${COUNT_MAX}+` : arrived}) ${title}`;
}

export class Title {
  #document;
  #title;
  #arrived = 0;

  /** @param {Pick<Document, "title" | "hidden" | "addEventListener">} page */
  constructor(page) {
    this.#document = page;
    this.#title = page.title;
    page.addEventListener("visibilitychange", () => this.#look());
  }

  /** Counts something that has arrived. */
  add() {
    if (!this.#document.hidden) return;
    this.#arrived += 1;
    this.#document.title = titled(this.#title, this.#arrived);
  }

  #look() {
    if (this.#document.hidden) return;
    this.#arrived = 0;
    this.#document.title = this.#title;
  }
}
