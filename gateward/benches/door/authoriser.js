// A small authoriser, as people write one behind nginx's auth_request: Node's own HTTP server, which hashes the
// token that it is shown and looks for it, and for its end, among those it knows. `node authoriser.js PORT FILE`;
// the file holds `[[SHA-256 in hex, end in milliseconds], ...]`.
"use strict";
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");

const [port, file] = process.argv.slice(2);
const ends = new Map(JSON.parse(readFileSync(file, "utf8")));

const server = createServer((request, response) => {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const end = ends.get(createHash("sha256").update(token).digest("hex"));
  response.writeHead(end !== undefined && Date.now() < end ? 204 : 401).end();
});
// nginx keeps its connections for longer than the 5 s after which Node closes them.
server.keepAliveTimeout = 0;
server.listen(Number(port), "127.0.0.1");
