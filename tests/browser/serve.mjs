// The server of the pages under test: files of this repository, the modules that were built, and the way back.
//
// Owns what a page may ask for. A job reports its lines to /report/NAME, and its result, once, to /result/NAME.

import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** What a bundler would resolve: a worker takes no import map. */
const BARE = ['from "@asupersync/browser-core"', 'from "/modules/core/index.js"'];

/**
 * Serves; `modules` maps names below /modules/ to files or folders, `report` and `result` are called with name and what was sent.
 * `peer` answers first, and takes the sockets; see `peer.mjs`.
 */
export async function serve({ modules = {}, report, result, peer }) {
  const server = createServer(async (request, response) => {
    if (peer?.handle(request, response)) {
      return;
    }
    const { pathname } = new URL(request.url, "http://localhost");
    if (request.method === "POST") {
      const [, what, name] = pathname.split("/");
      const text = await body(request);
      response.writeHead(204).end();
      what === "report" ? report(name, text) : result(name, JSON.parse(text));
      return;
    }
    const file = find(pathname, modules);
    if (file === undefined || !existsSync(file)) {
      response.writeHead(404).end(`there is no ${pathname}`);
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain", "cache-control": "no-store" });
    const content = readFileSync(file);
    response.end(extname(file) === ".js" ? content.toString().replaceAll(...BARE) : content);
  });
  if (peer) {
    server.on("upgrade", peer.upgrade);
  }
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function find(pathname, modules) {
  const path = normalize(decodeURIComponent(pathname));
  const [, folder, name, ...rest] = path.split("/");
  if (folder === "modules") {
    return modules[name] && join(modules[name], ...rest);
  }
  // Sources only: nothing of what else lies in the folder.
  return path in { "/favicon.ico": 0 } || !(extname(path) in TYPES) ? undefined : join(ROOT, path);
}

async function body(request) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
