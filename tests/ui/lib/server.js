// A real `vmlog serve` on a folder of its own, fed through files that it follows.

import { execFile, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { records } from "./data.js";

const BINARY = process.env.VMLOG_BIN ?? fileURLToPath(new URL("../../../target/release/vmlog", import.meta.url));
export const TOKEN = "page-test-token-0123456789";

/** @param {string} source */
const fileName = (source) => source.replace(/[^a-z0-9-]+/g, "-");

export class Server {
  folder = mkdtempSync(join(tmpdir(), "vmlog-page-"));
  /** @type {import("node:child_process").ChildProcess | null} */
  process = null;
  port = 0;
  output = "";

  /**
   * @param {number} rows
   * @param {Record<string, string>} [settings]
   */
  constructor(rows, settings = {}) {
    this.rows = rows;
    this.settings = settings;
    mkdirSync(join(this.folder, "journal"));
    /** @type {Map<string, string[]>} */
    const files = new Map([["live", []]]);
    for (const row of records(rows)) {
      const name = fileName(row.source);
      const line = `${row.timestamp} ${row.level.toUpperCase()} ${row.message.replaceAll("\n", "\n    ")}`;
      files.set(name, [...(files.get(name) ?? [])]);
      files.get(name)?.push(line);
    }
    this.names = [...files.keys()];
    for (const [name, lines] of files) writeFileSync(this.file(name), lines.map((line) => `${line}\n`).join(""));
  }

  /** @param {string} name */
  file(name) {
    return join(this.folder, `${name}.log`);
  }

  /** Appends lines to the file that is source `file:live`. @param {...string} lines */
  write(...lines) {
    appendFileSync(this.file("live"), lines.map((line) => `${line}\n`).join(""));
  }

  /** Runs a command under `vmlog exec`. @param {string} name @param {string} script @returns {Promise<number>} its exit code */
  exec(name, script) {
    const env = { PATH: process.env.PATH ?? "", LOG_CAPTURE_DIR: join(this.folder, "capture") };
    return new Promise((resolve) => {
      execFile(BINARY, ["exec", "--source", "devcontainer:ws", "--name", name, "--", "sh", "-c", script], { env }, (error) => {
        resolve(error ? Number(error.code) : 0);
      });
    });
  }

  get address() {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** The page's address with what enters. @param {string} [query] */
  page(query = "") {
    return `${this.address}?token=${TOKEN}${query ? `&${query}` : ""}`;
  }

  async start() {
    this.port ||= await freePort();
    this.process = spawn(BINARY, ["serve", "--data-dir", join(this.folder, "data"), "--listen", `127.0.0.1:${this.port}`,
      "--journal-dir", join(this.folder, "journal")], {
      env: {
        PATH: process.env.PATH ?? "", LOG_API_TOKEN: TOKEN, LOG_CLOUD_INIT_PATH: join(this.folder, "none.log"),
        LOG_FILES: this.names.map((name) => `${name}=${this.file(name)}`).join(","), LOG_STORE_MAX_ROWS: "1000000", LOG_CAPTURE_DIR: join(this.folder, "capture"),
        ...this.settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) stream?.on("data", (text) => { this.output += text; });
    await until(() => this.ready(), 20_000, () => `vmlog did not start: ${this.output}`);
  }

  async ready() {
    return fetch(`${this.address}healthz`).then((answer) => answer.ok, () => false);
  }

  /** @param {string} path */
  async get(path) {
    const answer = await fetch(this.address + path, { headers: { authorization: `Bearer ${TOKEN}` } });
    return answer.json();
  }

  async count() {
    const { sources } = await this.get("logs/sources");
    return sources.reduce((/** @type {number} */ sum, /** @type {any} */ source) => sum + (source.name.startsWith("file:") ? source.entryCount : 0), 0);
  }

  /** Waits until everything that was seeded is in the store. */
  async filled() {
    let last = -1;
    await until(async () => {
      const now = await this.count();
      const still = now === last && now >= this.rows;
      last = now;
      return still;
    }, 120_000, () => `only ${last} of ${this.rows} records are in the store`, 500);
  }

  async stop() {
    const running = this.process;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => { running.once("exit", resolve); });
    running.kill("SIGTERM");
    await gone;
    this.process = null;
  }

  async remove() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
      probe.close(() => resolve(port));
    });
  });
}

/**
 * @param {() => Promise<boolean> | boolean} condition
 * @param {number} ms
 * @param {() => string} otherwise
 * @param {number} [every]
 */
export async function until(condition, ms, otherwise, every = 50) {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(otherwise());
    await new Promise((resolve) => { setTimeout(resolve, every); });
  }
}
