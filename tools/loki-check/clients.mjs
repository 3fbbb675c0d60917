// Clients of Loki from npm against a running server: the plugin of Perses, @myunisoft/loki, and a websocket for the tail.
// Usage: clients.mjs ADDRESS TOKEN

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import WebSocket from 'ws';
import { GrafanaApi } from '@myunisoft/loki';

const [address, token] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const perses = require('@perses-dev/loki-plugin/lib/cjs/model/loki-client.js');

const options = { datasourceUrl: address, headers: { authorization: `Bearer ${token}` } };
const end = Date.now() + 60_000;
const start = end - 3_600_000;
const selector = '{kind="file"}';

async function withPerses() {
  const sample = await perses.query({ query: 'vector(1)+vector(1)' }, options);
  assert.equal(sample.data.result[0].value[1], '2');
  const lines = await perses.queryRange({ query: `${selector} |= "line 1999"`, start, end, limit: 10, direction: 'backward' }, options);
  assert.equal(lines.data.result[0].values[0][1].includes('line 1999'), true);
  const rates = await perses.queryRange({ query: `sum by (level) (count_over_time(${selector}[5m]))`, start, end, step: '300' }, options);
  assert.equal(rates.data.resultType, 'matrix');
  const seconds = [String(Math.floor(start / 1000)), String(Math.floor(end / 1000))];
  assert((await perses.labels(...seconds, options)).data.includes('source'));
  assert((await perses.labelValues('source', ...seconds, options)).data.includes('file:app'));
  assert((await perses.series([selector], ...seconds, options)).data.length >= 2);
  assert.equal((await perses.volume({ query: selector, start, end, limit: 5 }, options)).data.resultType, 'vector');
  assert.equal((await perses.volumeRange({ query: selector, start, end, step: '300' }, options)).data.resultType, 'matrix');
  assert.equal((await perses.indexStats(selector, ...seconds, options)).entries, 2000);
}

async function withMyunisoft() {
  const api = new GrafanaApi({ remoteApiURL: address, authentication: { type: 'bearer', token } });
  const { logs } = await api.Loki.queryRange(`${selector} |= "ERROR"`, { limit: 50, start: '1h' });
  assert.equal(logs.length, 50);
  const { metrics } = await api.Loki.queryRangeMatrix(`sum by (level) (rate(${selector}[5m]))`, { start: '1h' });
  assert(metrics.length >= 2);
  assert((await api.Loki.labels()).includes('level'));
  assert((await api.Loki.labelValues('kind')).includes('file'));
}

async function withWebSocket() {
  const query = encodeURIComponent(`${selector} |= "line"`);
  const url = `${address.replace('http', 'ws')}/loki/api/v1/tail?query=${query}&limit=3`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  const frame = await new Promise((resolve, reject) => {
    socket.on('message', (text) => resolve(JSON.parse(text)));
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
  });
  const values = frame.streams.flatMap((stream) => stream.values);
  assert.equal(values.length, 3);
  assert.equal(values[0].length, 2);
  socket.terminate();
}

await withPerses();
console.log('the plugin of Perses reads it');
await withMyunisoft();
console.log('@myunisoft/loki reads it');
await withWebSocket();
console.log('a websocket follows it');
process.exit(0);
