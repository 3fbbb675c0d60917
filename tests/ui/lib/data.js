// Records as a machine that is being set up writes them: seeded, so that every run sees the same.

/** @param {number} seed */
export function random(seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SOURCES = ["cloud-init", "devcontainer:ws-abc123", "docker:ws-abc123", "docker:postgres", "system:vm-agent", "system:ssh.service",
  "system:kernel", "system:docker.service", "system:systemd", "file:nginx-access"];

const PLAIN = [
  ["system:ssh.service", "info", (/** @type {any} */ r) => `Accepted publickey for dev from 10.0.${r(255)}.${r(255)} port ${30000 + r(30000)} ssh2: ED25519 SHA256:k3Jq0bXo${r(1e9)}`],
  ["system:vm-agent", "info", (r) => `heartbeat ok seq=${r(1e6)} latency_ms=${r(80)}`],
  ["system:vm-agent", "debug", (r) => `poll: nothing to do, next in ${r(10)} s`],
  ["system:vm-agent", "warn", (r) => `Heartbeat delayed by ${r(9000)} ms: control plane answered 503, retry ${r(4)} of 5`],
  ["docker:postgres", "info", (r) => `LOG:  checkpoint complete: wrote ${r(4000)} buffers (${r(9)}.${r(9)}%); 0 WAL file(s) added, 0 removed, ${r(3)} recycled; write=${r(90)}.${r(999)} s, sync=0.0${r(99)} s, total=${r(90)}.${r(999)} s`],
  ["docker:ws-abc123", "info", (r) => `\u001b[32m\u2713\u001b[39m built in \u001b[1m${r(9000)}ms\u001b[22m \u001b[2m(${r(400)} modules)\u001b[22m`],
  ["docker:ws-abc123", "info", (r) => `{"level":"info","msg":"request served","method":"GET","path":"/api/items/${r(999)}","status":200,"ms":${r(120)}}`],
  ["docker:ws-abc123", "error", (r) => `\u001b[31mERROR\u001b[0m connection to \u001b[36mpostgres:5432\u001b[0m refused after ${r(5000)} ms`],
  ["system:docker.service", "info", (r) => `time="2026-02-17T14:30:${10 + r(49)}Z" level=info msg="Container ${r(0xffffff).toString(16)} started" module=libcontainerd`],
  ["system:kernel", "warn", (r) => `TCP: request_sock_TCP: Possible SYN flooding on port ${r(9999)}. Sending cookies.`],
  ["system:systemd", "info", (r) => `Started session-${r(999)}.scope - Session ${r(999)} of User dev.`],
  ["file:nginx-access", "info", (r) => `10.0.0.${r(255)} - - "GET /assets/app-${r(0xffffff).toString(16)}.js HTTP/2.0" 200 ${r(90000)} "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0 Safari/537.36"`],
  ["devcontainer:ws-abc123", "info", (r) => `#${r(20)} [stage-1 ${r(9)}/9] RUN apt-get install -y build-essential libssl-dev pkg-config  ${r(99)}.${r(9)}s`],
];

const WS = "devcontainer:ws-abc123";

/** @param {string} stage @param {string} [result] */
const report = (stage, result) => ({ file: "cloud-init.log", module: "handlers.py", stage, event_type: result ? "cloud_init_finish" : "cloud_init_start", ...(result ? { result } : {}) });

/** @param {string} run @param {string} event @param {object} [more] */
const of = (run, event, more = {}) => ({ run_id: run, event_type: `process_${event}`, name: run === UPDATE ? "updateContentCommand" : "postCreateCommand", pid: 4711, ...more });
const UPDATE = "01kj5p4zhs0g5cv2tnmq83y7ra";
const CREATE = "01kj5p4zhs0g5cv2tnmq83y7re";
const SCRIPT = "bash .devcontainer/post-create.sh";

/** @type {[string, string, string, object?][]} */
const STORY = [
  ["system:kernel", "info", "Linux version 6.1.0-18-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0)"],
  ["cloud-init", "debug", "start: init-local: searching for local datasources", report("init-local")],
  ["cloud-init", "debug", "finish: init-local: SUCCESS: searching for local datasources", report("init-local", "SUCCESS")],
  ["cloud-init", "debug", "start: init-network: searching for network datasources", report("init-network")],
  ["system:systemd", "info", "Reached target network-online.target - Network is Online."],
  ["cloud-init", "debug", "finish: init-network: SUCCESS: searching for network datasources", report("init-network", "SUCCESS")],
  ["cloud-init", "debug", "start: modules-config: running modules for config", report("modules-config")],
  ["cloud-init", "debug", "finish: modules-config: SUCCESS: running modules for config", report("modules-config", "SUCCESS")],
  ["system:vm-agent", "info", "vm-agent 0.14.2 listening on 127.0.0.1:8443"],
  ["cloud-init", "info", "Cloud-init v. 24.4 running 'modules:final' at Tue, 17 Feb 2026 14:29:02 +0000. Up 21.44 seconds.", { file: "cloud-init-output.log", stage: "modules:final" }],
  ["system:docker.service", "info", "time=\"2026-02-17T14:29:03Z\" level=info msg=\"API listen on /run/docker.sock\""],
  ["cloud-init", "info", "Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]\rGet:2 http://deb.debian.org/debian bookworm/main amd64 Packages [8792 kB]\rFetched 9,120 kB in 2s (4,560 kB/s)"],
  ["cloud-init", "debug", "finish: modules-final: SUCCESS: running modules for final", report("modules-final", "SUCCESS")],
  [WS, "info", "started: git submodule update --init", of(UPDATE, "start", { command: "git submodule update --init" })],
  [WS, "info", "Submodule path 'lib/proto': checked out 'b3f1a09'", of(UPDATE, "output", { stream: "stdout" })],
  [WS, "info", "ended: git submodule update --init: exit code 0 after 2.700 s", of(UPDATE, "end", { command: "git submodule update --init", success: true, exit_code: 0, duration_ms: 2700 })],
  [WS, "info", "Running the postCreateCommand from devcontainer.json..."],
  [WS, "info", `started: ${SCRIPT}`, of(CREATE, "start", { command: SCRIPT })],
  [WS, "info", "\u001b[1mbash .devcontainer/post-create.sh\u001b[0m", of(CREATE, "output", { stream: "stdout" })],
  [WS, "info", "+ pip install -r requirements.txt", of(CREATE, "output", { stream: "stdout" })],
  [WS, "info", "Collecting psycopg2==2.9.9\n  Downloading psycopg2-2.9.9.tar.gz (384 kB)\n  Preparing metadata (setup.py): finished with status 'error'", of(CREATE, "output", { stream: "stdout" })],
  [WS, "error", "  error: subprocess-exited-with-error\n\n  x python setup.py egg_info did not run successfully.\n  | exit code: 1\n  +-> [23 lines of output]\n      running egg_info\n      creating /tmp/pip-pip-egg-info/psycopg2.egg-info\n      Error: pg_config executable not found.\n\n      pg_config is required to build psycopg2 from source.\n      Please add the directory containing pg_config to the $PATH\n      or specify the full executable path with the option.\n      [end of output]\n\n  note: This error originates from a subprocess, and is likely not a problem with pip.", of(CREATE, "output", { stream: "stderr" })],
  [WS, "error", "\u001b[31mpostCreateCommand failed with exit code 1. Skipping any further user-provided commands.\u001b[0m",
    of(CREATE, "end", { command: SCRIPT, success: false, exit_code: 1, error_category: "dependency", duration_ms: 5400 })],
  ["system:vm-agent", "error", "workspace ws-abc123: devcontainer up failed: exit status 1"],
  ["system:vm-agent", "info", "using DATABASE_URL=postgres://app:[REDACTED]@db/app and token [REDACTED]"],
  ["docker:ws-abc123", "error", "Traceback (most recent call last):"],
  ["docker:ws-abc123", "error", "  File \"/app/manage.py\", line 22, in <module>"],
  ["docker:ws-abc123", "error", "    main()"],
  ["docker:ws-abc123", "error", "  File \"/app/manage.py\", line 18, in main"],
  ["docker:ws-abc123", "error", "    execute_from_command_line(sys.argv)"],
  ["docker:ws-abc123", "error", "ModuleNotFoundError: No module named 'psycopg2'"],
  ["system:vm-agent", "warn", "restart of ws-abc123 refused: last run failed"],
  ["system:vm-agent", "warn", "restart of ws-abc123 refused: last run failed"],
  ["system:vm-agent", "warn", "restart of ws-abc123 refused: last run failed"],
];

/**
 * @param {number} n
 * @param {{end?: number, step?: number, seed?: number, first?: number}} [options]
 */
export function records(n, { end = Date.now(), step = 900, seed = 7, first = 1 } = {}) {
  const roll = random(seed);
  const out = [];
  for (let i = 0; i < n; i += 1) {
    const ms = end - (n - i) * step - (i < n / 2 ? 1_500_000 : 0);
    const story = n - i - 60;
    /** @type {[string, string, string, object?]} */
    let [source, level, message, more] = /** @type {any} */ ([]);
    const told = STORY[STORY.length - story];
    if (story > 0 && told) [source, level, message, more] = told;
    else {
      const [s, l, make] = /** @type {any} */ (PLAIN[Math.min(roll(PLAIN.length), roll(PLAIN.length + 3))]);
      [source, level, message] = [s, l, make(roll)];
    }
    const made = record(first + i, ms, source, level, message);
    if (more) Object.assign(made.metadata, more);
    out.push(made);
  }
  return out;
}

/**
 * @param {number} id
 * @param {number} ms
 * @param {string} source
 * @param {string} level
 * @param {string} message
 */
export function record(id, ms, source, level, message) {
  /** @type {Record<string, unknown>} */
  const metadata = { boot_id: "b0", pid: 400 + (id % 37) };
  if (source.startsWith("docker:")) Object.assign(metadata, { container_name: source.slice(7), container_id: "3f9ac2d17b60", image: { name: "app", tags: ["latest", "v2"] } });
  if (source.startsWith("system:")) Object.assign(metadata, { unit: source.slice(7), priority: level === "error" ? 3 : 6 });
  if (source.startsWith("devcontainer:")) Object.assign(metadata, { workspace: "ws-abc123", command: "bash .devcontainer/post-create.sh" });
  return { id: String(id), timestamp: `${new Date(ms).toISOString().slice(0, 23)}${String((id * 7919) % 1000).padStart(3, "0")}Z`, source, level, message, metadata };
}

/** The runs that records tell of, newest first. @param {any[]} rows */
export function runsOf(rows) {
  /** @type {Map<string, any>} */
  const found = new Map();
  for (const row of rows) {
    const { run_id: id, event_type: event, name, command = "", exit_code: exitCode = null, signal = null, success = null, duration_ms: durationMs = null, error_category: category = null } = row.metadata;
    if (!id) continue;
    const run = found.get(id) ?? { id, name, source: row.source, command, start: row.timestamp, end: null, durationMs, exitCode, signal, category, success, counts: { debug: 0, info: 0, warn: 0, error: 0 }, firstId: row.id };
    run.counts[row.level] += 1;
    run.lastId = row.id;
    if (event === "process_end") Object.assign(run, { end: row.timestamp, durationMs, exitCode, signal, category, success, command });
    found.set(id, run);
  }
  return [...found.values()].reverse();
}

export { SOURCES };
