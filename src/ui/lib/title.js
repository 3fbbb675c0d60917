// The title of the page counts the errors that arrived while it was hidden.

/** Larger counts do not fit into a tab. */
const COUNT_MAX = 999;

/** @param {string} title @param {number} errors */
export function titled(title, errors) {
  if (errors === 0) return title;
  return `(${errors > COUNT_MAX ? `${COUNT_MAX}+` : errors}) ${title}`;
}

export class Title {
  #document;
  #title;
  #errors = 0;

  /** @param {Pick<Document, "title" | "hidden" | "addEventListener">} page */
  constructor(page) {
    this.#document = page;
    this.#title = page.title;
    page.addEventListener("visibilitychange", () => this.#look());
  }

  /** Counts an error. */
  error() {
    if (!this.#document.hidden) return;
    this.#errors += 1;
    this.#document.title = titled(this.#title, this.#errors);
  }

  #look() {
    if (this.#document.hidden) return;
    this.#errors = 0;
    this.#document.title = this.#title;
  }
}
