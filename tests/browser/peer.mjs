// The other side of fetches and sockets under test, and what it saw of them: every connection that came, and its end.
//
// Owns its own list only: a page asks for it by a key of its own, at /peer/seen?key=K. What is asked of it is in the path.

import { createRequire } from "node:module";

/** How long an answer about what has ended waits for it, in milliseconds; it comes in 20, but not on a busy machine. */
const PATIENCE_MS = 10_000;
/** npm's packages are there, `ws` among them. */
const PACKAGES = new URL("../../platform-browser/packages/package.json", import.meta.url);

/** `handle` and `upgrade` for a server of node, for paths below /peer/. */
export function peer() {
  const records = new Map();
  const waiting = new Set();
  const record = (key) => {
    if (!records.has(key)) {
      records.set(key, { opened: 0, closed: 0, codes: [], messages: 0 });
    }
    return records.get(key);
  };
  const changed = () => waiting.forEach((look) => look());
  const opened = (key) => {
    record(key).opened += 1;
    changed();
  };
  const closed = (key, code) => {
    record(key).closed += 1;
    if (code !== undefined) {
      record(key).codes.push(code);
    }
    changed();
  };

  /** Answers when so many have come and gone, or patience is over. */
  function seen(response, query) {
    const found = record(query.get("key"));
    const began = performance.now();
    const wanted = (name) => Number(query.get(name) ?? 0);
    const answer = () => {
      waiting.delete(look);
      clearTimeout(timer);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ ...found, waited: performance.now() - began }));
    };
    const look = () => {
      if (["opened", "closed", "messages"].every((name) => found[name] >= wanted(name))) {
        answer();
      }
    };
    const timer = setTimeout(answer, PATIENCE_MS);
    waiting.add(look);
    look();
  }

  const release = new Map();
  let server;
  return {
    /** Says whether the request was for here. */
    handle(request, response) {
      const { pathname, searchParams: query } = new URL(request.url, "http://localhost");
      const [, first, name] = pathname.split("/");
      if (first !== "peer") {
        return false;
      }
      response.setHeader("cache-control", "no-store");
      const key = query.get("key");
      if (name === "seen") {
        seen(response, query);
      } else if (name === "release") {
        release.get(key)?.();
        response.end();
      } else {
        opened(key);
        response.on("close", () => closed(key));
        (ANSWERS[name] ?? ANSWERS.none)(response, (call) => release.set(key, call));
      }
      return true;
    },
    upgrade(request, socket, head) {
      const { pathname, searchParams: query } = new URL(request.url, "http://localhost");
      const [, , name] = pathname.split("/");
      const key = query.get("key");
      socket.on("error", () => {});
      opened(key);
      if (name === "silent") {
        release.set(key, () => socket.destroy());
        socket.on("close", () => closed(key)).on("end", () => socket.end()).resume();
        return;
      }
      const { WebSocketServer } = createRequire(PACKAGES)("ws");
      server ??= new WebSocketServer({ noServer: true });
      server.handleUpgrade(request, socket, head, (ws) => {
        ws.on("close", (code) => closed(key, code));
        ws.on("message", () => {
          record(key).messages += 1;
          changed();
        });
        SOCKETS[name](ws, query, socket, (call) => release.set(key, call));
      });
    },
  };
}

const ANSWERS = {
  none: (response) => response.writeHead(404).end(),
  /** Never answers. */
  never: () => {},
  /** Headers, then a part every few milliseconds, for ever. */
  drip(response) {
    const timer = setInterval(() => response.write("drip\n".repeat(100)), 5);
    response.on("close", () => clearInterval(timer));
  },
  text(response) {
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.end("all of it");
  },
  empty: (response) => response.writeHead(204).end(),
  /** Promises more than it sends before it is released. */
  cut(response, onRelease) {
    response.writeHead(200, { "content-length": 1000 });
    response.write("half of");
    onRelease(() => response.destroy());
  },
};

const SOCKETS = {
  echo: (ws) => ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary })),
  /** A number every few milliseconds, for ever. */
  feed(ws) {
    let number = 0;
    const timer = setInterval(() => ws.send(String((number += 1))), 5);
    ws.on("close", () => clearInterval(timer));
  },
  /** So many numbers at once; then it closes, if there is a code for that. */
  burst(ws, query) {
    for (let number = 0; number < Number(query.get("count")); number += 1) {
      ws.send(String(number));
    }
    if (query.has("code")) {
      ws.close(Number(query.get("code")), "as asked");
    }
  },
  /** A message; when one has come, half of another, and the connection is gone. */
  cut(ws, query, socket) {
    ws.send("whole");
    ws.on("message", () => socket.write(Buffer.from([0x81, 0x7d, 0x68, 0x61]), () => socket.destroy()));
  },
  /** Reads nothing until it is released. */
  slow(ws, query, socket, onRelease) {
    ws.pause();
    onRelease(() => ws.resume());
  },
};
