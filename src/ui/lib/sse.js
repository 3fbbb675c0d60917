// Parses server-sent events from chunks of text of any size.

/** @typedef {{event: string, data: string, id: string}} ServerEvent `event` is `message` when the server named none */

/** Maximum length of a line: the largest record with its escapes. */
const LINE_MAX = 128 * 1024 * 1024;

export class EventParser {
  #rest = "";
  #event = "";
  #id = "";
  /** @type {string[]} */
  #data = [];
  /** Milliseconds to wait before connecting again; 0: not specified. */
  retry = 0;

  /**
   * @param {string} text
   * @returns {ServerEvent[]}
   */
  push(text) {
    /** @type {ServerEvent[]} */
    const events = [];
    const whole = this.#rest + text;
    let from = 0;
    for (;;) {
      const end = lineEnd(whole, from);
      if (!end) break;
      const event = this.#line(whole.slice(from, end.at));
      if (event) events.push(event);
      from = end.next;
    }
    this.#rest = whole.slice(from);
    if (this.#rest.length > LINE_MAX) throw new Error("the server sent a line that is too long");
    return events;
  }

  /**
   * @param {string} line
   * @returns {ServerEvent | null}
   */
  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
    return null;
  }

  /** The last id that the server sent. */
  get lastId() {
    return this.#id;
  }

  #dispatch() {
    const data = this.#data.join("\n");
    const event = { event: this.#event || "message", data, id: this.#id };
    const empty = this.#data.length === 0;
    this.#data = [];
    this.#event = "";
    return empty ? null : event;
  }
}

/**
 * @param {string} text
 * @param {number} from
 * @returns {{at: number, next: number} | null} a line end, when it is certain where the next line begins
 */
function lineEnd(text, from) {
  const feed = text.indexOf("\n", from);
  const back = text.indexOf("\r", from);
  if (back >= 0 && (feed < 0 || back < feed)) {
    if (back === text.length - 1) return null;
    return { at: back, next: text[back + 1] === "\n" ? back + 2 : back + 1 };
  }
  return feed < 0 ? null : { at: feed, next: feed + 1 };
}
