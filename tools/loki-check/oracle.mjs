// Holds the parser of a running server to Grafana's own grammar: thousands of generated queries are accepted and refused alike.
// Usage: oracle.mjs ADDRESS TOKEN COUNT SEED

import { parser } from '@grafana/lezer-logql';
import { Queries } from './queries.mjs';

const [address, token, count, seed] = process.argv.slice(2);

// What Loki takes and Grafana's grammar does not: a comma after the last matcher, label filters with nothing but a blank between
// them, and `ip()` before `or` in a line filter that is not the first.
const LOKI_ONLY = [/,\s*}/, /!=|!~|!>|\|=|\|~|\|>/];

function accepts(query) {
  let isGood = true;
  parser.parse(query).iterate({
    enter(node) {
      isGood &&= !node.type.isError;
    },
  });
  return isGood;
}

async function verdict(query) {
  const answer = await fetch(`${address}/loki/api/v1/format_query`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ query }),
  });
  const text = await answer.text();
  if (answer.status === 200) return { accepted: true, formatted: JSON.parse(text).data };
  if (answer.status !== 400) throw new Error(`${answer.status} for ${query}: ${text}`);
  return { accepted: false, isSyntax: text.includes('syntax error'), text };
}

const queries = new Queries(Number(seed));
const counts = { accepted: 0, refused: 0, meaningless: 0, lokiOnly: 0 };
const faults = [];
for (let done = 0; done < Number(count); ) {
  const batch = Array.from({ length: 8 }, () => queries.query());
  const verdicts = await Promise.all(batch.map(verdict));
  for (const [index, query] of batch.entries()) {
    const ours = verdicts[index];
    const theirs = accepts(query);
    done += 1;
    if (!ours.accepted && !ours.isSyntax) counts.meaningless += 1;
    else if (ours.accepted === theirs) counts[theirs ? 'accepted' : 'refused'] += 1;
    else if (ours.accepted && LOKI_ONLY.some((form) => form.test(query))) counts.lokiOnly += 1;
    else faults.push(`${theirs ? 'refused here' : 'accepted here'}: ${query}\n  ${ours.text ?? ours.formatted}`);
    if (ours.accepted && theirs) {
      const again = await verdict(ours.formatted);
      if (again.formatted !== ours.formatted) faults.push(`changes when it is formatted again: ${ours.formatted}`);
    }
  }
}
console.log(JSON.stringify(counts));
if (counts.lokiOnly > Number(count) / 100) faults.push(`${counts.lokiOnly} queries that Grafana's grammar refuses`);
if (faults.length > 0) {
  console.log(faults.slice(0, 20).join('\n'));
  process.exit(1);
}
