// The live stream: connects, reads, and resumes after a disconnect. It does not use EventSource, which does not report why it cannot
// connect. When the server has no stream to spare, it asks for new records every few seconds.

import { ApiError, address, cursorAt, open, page } from "../core/api.js";
import { EventParser } from "../lib/sse.js";
import { entryOf } from "../lib/types.js";

/** @typedef {import("../lib/query/filter.js").Parameters} Parameters */
/** @typedef {import("../lib/types.js").Entry} Entry */
/** @typedef {{from: number, to: number, count: number}} Gap */

/**
 * @typedef {object} Listener
 * @property {(entry: Entry) => void} onEntry
 * @property {(gap: Gap) => void} onGap
 * @property {(warnings: string[]) => void} onWarnings what the server says about the filter
 * @property {(state: {connection: "connecting" | "open" | "waiting" | "stopped", reason: string, retryAt: number}) => void} onState
 */

/** The server sends at least a comment every 30 s; after more than two missing ones the connection is dead. */
const SILENCE_MS = 75_000;
const WAIT_MIN_MS = 1_000;
const WAIT_MAX_MS = 30_000;
/** How often new records are asked for without a stream, and how many times before a stream is tried again. */
const POLL_MS = 2_000;
const POLLS = 10;
const POLL_ROWS = 500;

export class Tail {
  #listener;
  #abort = new AbortController();
  /** @type {Parameters} */
  #parameters = [];
  #lastId = "";
  #newest = 0;
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #running = false;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
    addEventListener("online", () => this.now());
  }

  /**
   * @param {Parameters} parameters
   * @param {number} newest number of the newest records to begin with
   */
  start(parameters, newest) {
    this.stop();
    this.#parameters = parameters;
    this.#lastId = "";
    this.#newest = newest;
    this.#attempt = 0;
    this.#running = true;
    this.#connect();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  /** Connects now instead of waiting. */
  now() {
    if (!this.#running || this.#timer === undefined) return;
    this.#connect();
  }

  /** @param {boolean} [silently] while records are asked for */
  async #connect(silently = false) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#abort.abort();
    const abort = new AbortController();
    this.#abort = abort;
    if (!silently) this.#listener.onState({ connection: "connecting", reason: "", retryAt: 0 });
    /** @type {Parameters} */
    const place = this.#lastId ? [["after", this.#lastId]] : [["tail", String(this.#newest)]];
    try {
      const response = await open("logs/tail", [...this.#parameters, ...place], abort.signal);
      this.#listener.onState({ connection: "open", reason: "", retryAt: 0 });
      await this.#read(response, abort);
      this.#wait("The server closed the stream.", 0, abort);
    } catch (error) {
      this.#failed(error, abort);
    }
  }

  /**
   * @param {Response} response
   * @param {AbortController} abort
   */
  async #read(response, abort) {
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    let silence = setTimeout(() => abort.abort("silence"), SILENCE_MS);
    try {
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done || abort.signal.aborted) return;
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort("silence"), SILENCE_MS);
        for (const event of parser.push(part.value)) {
          this.#attempt = 0;
          if (event.event === "end") return;
          this.#take(event);
        }
        this.#lastId = parser.lastId || this.#lastId;
      }
    } finally {
      clearTimeout(silence);
    }
  }

  /** @param {import("../lib/sse.js").ServerEvent} event */
  #take(event) {
    if (event.event === "message") this.#listener.onEntry(entryOf(JSON.parse(event.data)));
    else if (event.event === "warnings") this.#listener.onWarnings(JSON.parse(event.data).warnings ?? []);
    else if (event.event === "gap") {
      const gap = JSON.parse(event.data);
      this.#listener.onGap({ from: Number(gap.from), to: Number(gap.to), count: Number(gap.count) });
    }
  }

  /**
   * @param {unknown} error
   * @param {AbortController} abort
   */
  #failed(error, abort) {
    if (abort.signal.aborted && abort.signal.reason !== "silence") return;
    if (!(error instanceof ApiError)) {
      const silent = abort.signal.reason === "silence";
      this.#wait(silent ? "No data from the server for a minute." : "Connection lost.", 0, abort);
    } else if (error.status === 401) {
      this.#halt("Access token required.");
    } else if (error.status === 403) {
      this.#halt(error.message);
    } else if (error.status === 400) {
      this.#halt(error.message);
    } else if (error.status === 429) {
      this.#poll(abort);
    } else {
      this.#wait(navigator.onLine ? error.message : "This device is offline.", error.retryAfter, abort);
    }
  }

  /** Asks for new records, and after a while for a stream again. @param {AbortController} abort */
  async #poll(abort) {
    const reason = "All live connections are in use. Checking for new records every 2 s.";
    try {
      for (let n = 0; n < POLLS; n += 1) {
        await this.#takePage(abort);
        if (!this.#running || abort.signal.aborted) return;
        this.#listener.onState({ connection: "open", reason, retryAt: 0 });
        await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
        if (!this.#running || abort.signal.aborted) return;
      }
      this.#connect(true);
    } catch (error) {
      if (error instanceof ApiError && error.status === 429) this.#wait(error.message, error.retryAfter || 5, abort);
      else this.#failed(error, abort);
    }
  }

  /** The records after the last one, or the newest. @param {AbortController} abort */
  async #takePage(abort) {
    /** @type {Parameters} */
    const place = this.#lastId ? [["cursor", cursorAt(Number(this.#lastId))], ["direction", "forward"], ["limit", String(POLL_ROWS)]]
      : [["limit", String(Math.max(1, this.#newest))]];
    const { entries, warnings } = await page([...this.#parameters, ...place], abort.signal);
    if (abort.signal.aborted) return;
    if (!this.#lastId && warnings.length > 0) this.#listener.onWarnings(warnings);
    for (const entry of entries) this.#listener.onEntry(entry);
    this.#lastId = String(entries.at(-1)?.id ?? (this.#lastId || 0));
  }

  /** Stops until the user retries. @param {string} reason */
  #halt(reason) {
    this.#running = false;
    this.#listener.onState({ connection: "stopped", reason, retryAt: 0 });
  }

  /**
   * @param {string} reason
   * @param {number} seconds requested by the server; 0: exponential back-off
   * @param {AbortController} abort
   */
  #wait(reason, seconds, abort) {
    if (!this.#running || this.#abort !== abort) return;
    const longer = Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** this.#attempt);
    const ms = seconds > 0 ? seconds * 1000 : longer;
    this.#attempt = Math.min(this.#attempt + 1, 6);
    this.#timer = setTimeout(() => this.#connect(), ms);
    this.#listener.onState({ connection: "waiting", reason, retryAt: Date.now() + ms });
  }

  /** The address of the stream, for copying. */
  get address() {
    return address("logs/tail", this.#parameters);
  }
}
