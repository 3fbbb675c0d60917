// The title of the page: how many errors came while it was hidden, so that its tab tells.

/** A title longer than its tab tells nothing. */
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

  /** An error came. */
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
