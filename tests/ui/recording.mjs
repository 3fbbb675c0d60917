// Records twenty seconds with a real server as a moving picture: `node recording.mjs FILE.webp`. It needs `img2webp`; `tools/recording`
// installs it.
//
// A server reads a container's JSON lines and runs a command that fails; a person looks why, follows the run, asks for failed requests, and goes live.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync, appendFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, newPage, ready } from "./lib/browser.js";
import { Server } from "./lib/server.js";

const [target = "recording.webp"] = process.argv.slice(2);
const SIZE = { width: 1120, height: 680 };
const MINUTE = 60_000;
const QUALITY = "62";

/** A number from 0 to 1 that is the same in every recording. @param {number} n */
const random = (n) => createHash("sha256").update(String(n)).digest().readUInt32BE() / 2 ** 32;

const PATHS = ["/api/orders", "/api/orders/8812", "/api/items?page=2", "/api/login", "/healthz", "/api/orders/8812/invoice.pdf"];

/** A line of the container's log. @param {number} n @param {number} ms @param {boolean} down whether the database is */
function line(n, ms, down) {
  const path = PATHS[Math.floor(random(n) * PATHS.length)] ?? "/";
  const status = down && path.startsWith("/api/orders") ? 502 : random(n + 0.5) < 0.03 ? 404 : 200;
  const took = Math.round(status === 502 ? 3000 + random(n + 0.25) * 60 : 4 + random(n + 0.25) ** 6 * 900);
  const level = status >= 500 ? "error" : status >= 400 ? "warn" : "info";
  const said = { level, time: ms, msg: status >= 500 ? "connect ECONNREFUSED 10.0.0.5:5432" : "request completed", method: "GET", url: path, status, duration: `${took}ms` };
  return `${JSON.stringify({ log: `${JSON.stringify(said)}\n`, stream: status >= 500 ? "stderr" : "stdout", time: new Date(ms).toISOString() })}\n`;
}

/** A folder of Docker with one container. @param {string} folder @returns {string} its log */
function container(folder) {
  const id = createHash("sha256").update("api").digest("hex");
  mkdirSync(join(folder, id), { recursive: true });
  writeFileSync(join(folder, id, "config.v2.json"), JSON.stringify({ ID: id, Name: "/api", Config: { Image: "api:1.8", Labels: {} } }));
  return join(folder, id, `${id}-json.log`);
}

const SCRIPT = `
echo 'Running postCreateCommand from devcontainer.json...'; sleep 0.3
echo 'npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.' >&2
echo 'npm warn deprecated glob@7.2.3: Glob versions prior to v9 are no longer supported' >&2; sleep 0.3
echo 'npm error code ERESOLVE' >&2
echo 'npm error ERESOLVE could not resolve' >&2
echo 'npm error' >&2
echo 'npm error While resolving: react-scripts@5.0.1' >&2
echo 'npm error Found: typescript@5.6.3' >&2
echo 'npm error node_modules/typescript' >&2
echo 'npm error   dev typescript@"^5.6.3" from the root project' >&2
echo 'npm error' >&2
echo 'npm error Could not resolve dependency:' >&2
echo 'npm error peerOptional typescript@"^3.2.1 || ^4" from react-scripts@5.0.1' >&2
echo 'npm error A complete log of this run can be found in: /root/.npm/_logs/debug-0.log' >&2
exit 1`;

/** Follows the mouse, which a screencast does not show. */
const POINTER = () => {
  const dot = document.createElement("div");
  dot.style.cssText = "position:fixed;z-index:99999;width:18px;height:18px;margin:-9px 0 0 -9px;border-radius:50%;background:rgb(37 99 235/.35);border:1.5px solid rgb(37 99 235/.9);pointer-events:none;left:-50px;top:-50px";
  document.documentElement.append(dot);
  addEventListener("mousemove", (event) => { dot.style.left = `${event.clientX}px`; dot.style.top = `${event.clientY}px`; }, true);
};

const server = new Server(0);
const docker = join(server.folder, "docker");
const log = container(docker);
Object.assign(server.settings, { LOG_DOCKER_JSON_DIR: docker, LOG_FILES: "" });
const now = Date.now();
const lines = [];
for (let n = 0, ms = now - 40 * MINUTE; ms < now - 20_000; n += 1, ms += 300 + random(n + 0.75) * 2200) lines.push(line(n, ms, ms > now - 6 * MINUTE && ms < now - 3 * MINUTE));
writeFileSync(log, lines.join(""));

await server.start();
await server.exec("onCreateCommand", "echo 'git submodule update --init'; sleep 0.2; echo done");
await server.exec("postCreateCommand", SCRIPT);

const frames = mkdtempSync(join(tmpdir(), "vmlog-recording-"));
const browser = await launch();
const page = await newPage(browser, { viewport: SIZE, locale: "en-GB" });
await page.addInitScript(`document.addEventListener("DOMContentLoaded", ${POINTER})`);
await page.goto(server.page());
await ready(page);
await page.waitForSelector(".problem-line");

/** @type {{path: string, ms: number}[]} */
const taken = [];
const devtools = await page.context().newCDPSession(page);
devtools.on("Page.screencastFrame", ({ data, sessionId, metadata }) => {
  const path = join(frames, `${String(taken.length).padStart(5, "0")}.png`);
  writeFileSync(path, Buffer.from(data, "base64"));
  taken.push({ path, ms: (metadata.timestamp ?? 0) * 1000 });
  devtools.send("Page.screencastFrameAck", { sessionId }).catch(() => {});
});
await devtools.send("Page.startScreencast", { format: "png", everyNthFrame: 3 });

let mouse = { x: SIZE.width / 2, y: SIZE.height - 60 };
/** @param {number} ms */
const rest = (ms) => page.waitForTimeout(ms);
/** Moves there as a hand does, and clicks. @param {import("playwright-core").Locator} locator */
async function click(locator) {
  const box = await locator.boundingBox();
  if (!box) throw new Error("nothing to click");
  const to = { x: box.x + Math.min(box.width / 2, 180), y: box.y + box.height / 2 };
  for (let step = 1; step <= 12; step += 1) {
    const part = (1 - Math.cos((step / 12) * Math.PI)) / 2;
    await page.mouse.move(mouse.x + (to.x - mouse.x) * part, mouse.y + (to.y - mouse.y) * part);
    await rest(30);
  }
  mouse = to;
  await rest(150);
  await page.mouse.click(to.x, to.y);
}

await rest(1400);
await click(page.locator(".problem-line", { hasText: "postCreateCommand" }));
await rest(1800);
await click(page.getByRole("button", { name: "Open the run" }));
await rest(2000);
await click(page.getByRole("link", { name: "Browse" }).or(page.getByRole("button", { name: "Browse" })).first());
await rest(900);
await click(page.locator(".query input").first());
await page.keyboard.type("status>=500 ", { delay: 70 });
await page.keyboard.press("Enter");
await rest(2000);
await click(page.getByRole("button", { name: "Clear the filter" }));
await rest(900);
await click(page.getByRole("link", { name: "Live" }).or(page.getByRole("button", { name: "Live" })).first());
for (let n = 0; n < 8; n += 1) {
  appendFileSync(log, line(90_000 + n, Date.now(), n > 4));
  await rest(320);
}
await rest(600);
await devtools.send("Page.stopScreencast");
await browser.close();
server.process?.kill();

const end = (taken.at(-1)?.ms ?? 0) + 1500;
const pictures = taken.flatMap(({ path, ms }, at) => ["-d", String(Math.max(20, Math.round((taken[at + 1]?.ms ?? end) - ms))), path]);
execFileSync("img2webp", ["-loop", "0", "-lossy", "-q", QUALITY, "-m", "6", "-min_size", ...pictures, "-o", target], { stdio: "inherit" });
console.log(`${target}: ${taken.length} pictures, ${Math.round((end - (taken[0]?.ms ?? end)) / 1000)} s, ${Math.round(statSync(target).size / 1000)} kB`);
for (const folder of [frames, server.folder]) rmSync(folder, { recursive: true, force: true });
process.exit(0);
