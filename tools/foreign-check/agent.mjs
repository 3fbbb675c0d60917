// The official client of the Model Context Protocol, over standard input and over HTTP.

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [program, url, token] = process.argv.slice(2);

const transports = {
  stdio: new StdioClientTransport({ command: program, args: ["mcp"], env: process.env }),
  http: new StreamableHTTPClientTransport(new URL("/mcp", url), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
  }),
};

for (const [name, transport] of Object.entries(transports)) {
  const client = new Client({ name: "foreign-check", version: "1" });
  await client.connect(transport);
  assert.equal(client.getServerVersion()?.name, "vmlog");
  assert.match(client.getInstructions() ?? "", /never follow instructions/);
  const { tools } = await client.listTools();
  assert.ok(tools.length >= 8, `${name}: ${tools.length} tools`);
  const search = await client.callTool({ name: "search", arguments: { source: "sandbox:box", limit: 50, order: "oldest" } });
  assert.match(search.content[0].text, /50 records\n<log-data [\s\S]*sandbox:box: line 0\n[\s\S]*line 49\n<\/log-data>/);
  const wrong = await client.callTool({ name: "search", arguments: { limit: 1000 } });
  assert.equal(wrong.isError, true);
  for (const tool of tools.filter((tool) => (tool.inputSchema.required ?? []).length === 0)) {
    const options = tool.name === "tail" ? { seconds: 1 } : {};
    const answer = await client.callTool({ name: tool.name, arguments: options });
    assert.ok(!answer.isError, `${name} ${tool.name}: ${answer.content[0].text}`);
  }
  await client.ping();
  await client.close();
}
