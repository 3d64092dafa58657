// What a host does for tasks, and that it ends with them: run by `io.mjs` in browsers, and under node beside the package.
//
// The server keeps its own list of what was opened and closed: `seen` waits for it.

import { asking, expect } from "./asking.mjs";

const never = () => new Promise(() => {});
const caught = (promise) => Promise.resolve(promise).then(() => "no error", (error) => error);
const codeOf = async (promise) => (await caught(promise)).code;

/** A promise, and what settles it. */
function gate() {
  const found = {};
  found.promise = new Promise((resolve) => (found.open = resolve));
  return found;
}

/** The cases, of the package and a server with a peer. `freed` is told how long each connection took to go, in milliseconds. */
export function capsules({ createRuntime, withRuntime, ioCounts }, origin, freed = () => {}) {
  const { prefix, ask, seen, address, expectFreed, expectGivenUp } = asking(origin, freed);
  const inScope = (call, options = {}) => withRuntime(options, (rt) => rt.scope("test", (scope) => call(scope, rt)));
  /** Spawns a task, waits for its `ready`, cancels it, and gives its outcome. */
  const cancelled = (call) =>
    inScope(async (scope, rt) => {
      const ready = gate();
      const task = scope.spawn("task", (cx) => call(cx, ready.open));
      await ready.promise;
      const { outcome, stuck } = await task.cancel({ kind: "superseded" });
      expect([outcome.kind, outcome.reason?.origin, stuck], ["cancelled", "superseded", []], "the outcome");
      const { opened, closed, abandoned } = ioCounts(rt);
      expect([closed, abandoned], [opened, 0], "closed and abandoned here");
    });

  return {
    ...fetches(),
    ...owners(),
    ...sockets(),
    ...streams(),
    ...ports(),
    ...grants(),
  };

  function fetches() {
    return {
      async "a fetch gives a response, and is over with its last byte"() {
        await inScope(async (scope, rt) => {
          const { url } = address("text");
          const response = await scope.fetch(url);
          expect([response.status, response.url, response.type === ""], [200, url, false], "what it says");
          expect(response.headers.get("content-type"), "text/plain; charset=utf-8", "a header");
          expect(await response.text(), "all of it", "the body");
          expect((await scope.fetch(address("empty").url)).status, 204, "one without a body");
          expect(ioCounts(rt), { opened: 2, closed: 2, late: 0, abandoned: 0 }, "the counts");
        });
      },

      async "a cancel before the headers frees the connection, and is thrown as it was asked"() {
        const { key, url } = address("never");
        let error;
        await cancelled(async (cx, ready) => {
          const response = cx.fetch(url);
          await seen(key, { opened: 1 });
          ready();
          error = await caught(response);
          throw error;
        });
        expect([error.code, error.reason?.origin], ["Cancelled", "superseded"], "the error");
        await expectFreed(key);
      },

      async "a cancel in the middle of a body frees the connection, whoever reads"() {
        const readers = [
          (response) => response.text(),
          (response) => response.arrayBuffer(),
          async (response) => {
            const reader = response.body.getReader();
            while (!(await reader.read()).done);
          },
        ];
        for (const read of readers) {
          const { key, url } = address("drip");
          let error;
          await cancelled(async (cx, ready) => {
            const response = await cx.fetch(url);
            const reading = caught(read(response));
            ready();
            error = await reading;
            throw error;
          });
          expect([error.code, error.reason?.origin], ["Cancelled", "superseded"], "the error");
          await expectFreed(key);
        }
      },

      async "a body that nobody reads frees its connection when the task returns"() {
        const { key, url } = address("drip");
        await inScope(async (scope) => {
          const task = scope.spawn("task", async (cx) => (await cx.fetch(url)).status);
          expect(await task.join(), 200, "the value");
          await expectFreed(key);
        });
      },

      async "a body that is cancelled frees its connection while the task goes on"() {
        const { key, url } = address("drip");
        await inScope(async (scope) => {
          await (await scope.fetch(url)).body.cancel();
          await expectFreed(key);
        });
      },

      async "a cancel after the last byte changes nothing"() {
        await inScope(async (scope) => {
          const read = gate();
          const text = gate();
          const task = scope.spawn("task", async (cx) => {
            text.open(await (await cx.fetch(address("text").url)).text());
            await read.promise;
            return "a value";
          });
          expect(await text.promise, "all of it", "the body");
          const ended = task.cancel();
          read.open();
          expect((await ended).outcome, { kind: "ok", value: "a value" }, "the outcome");
        });
      },

      async "nothing is asked of the server after a cancel"() {
        const { key, url } = address("text");
        await cancelled(async (cx, ready) => {
          ready();
          await caught(cx.sleep(1e6));
          return cx.fetch(url);
        });
        expect((await seen(key, {})).opened, 0, "requests");
      },

      async "a signal of the caller's ends its fetch only"() {
        const { key, url } = address("never");
        await inScope(async (scope) => {
          const controller = new AbortController();
          const response = scope.fetch(url, { signal: controller.signal });
          await seen(key, { opened: 1 });
          controller.abort("a reason");
          expect(await caught(response), "a reason", "the error");
          await expectFreed(key);
          expect(await caught(scope.fetch(url, { signal: controller.signal })), "a reason", "aborted before");
          expect((await seen(key, {})).opened, 1, "requests");
          expect(await (await scope.fetch(address("text").url)).text(), "all of it", "the scope goes on");
        });
      },

      async "a connection that fails is told by its code"() {
        await inScope(async (scope) => {
          expect(await codeOf(scope.fetch("http://127.0.0.1:1/")), "connection_failed", "before the headers");
          const { key, url } = address("cut");
          const response = await scope.fetch(url);
          await ask("release", { key });
          expect(await codeOf(response.text()), "connection_failed", "in the middle");
        });
      },

      async "a connection that the host cuts while the page is away is interrupted"() {
        if (!globalThis.dispatchEvent) {
          return;
        }
        await inScope(async (scope) => {
          const { key, url } = address("cut");
          const response = await scope.fetch(url);
          globalThis.dispatchEvent(new Event("pagehide"));
          await ask("release", { key });
          expect(await codeOf(response.text()), "interrupted", "the code");
          const other = address("cut");
          const again = await scope.fetch(other.url);
          await ask("release", { key: other.key });
          expect(await codeOf(again.text()), "connection_failed", "one that began after it");
        });
      },

      async "an answer that comes after the end is dropped and counted"() {
        const { fetch } = globalThis;
        const [answer, asked, aborted, dropped] = [gate(), gate(), gate(), gate()];
        // A host that cannot abort.
        globalThis.fetch = (input, { signal }) => {
          signal.addEventListener("abort", aborted.open);
          asked.open();
          return answer.promise;
        };
        try {
          await inScope(async (scope, rt) => {
            const task = scope.spawn("task", (cx) => cx.fetch("/late"));
            await asked.promise;
            const ended = task.cancel();
            await aborted.promise;
            answer.open(new Response(new ReadableStream({ cancel: dropped.open })));
            expect((await ended).outcome.kind, "cancelled", "the outcome");
            await dropped.promise;
            expect(ioCounts(rt), { opened: 1, closed: 1, late: 1, abandoned: 0 }, "the counts");
          });
        } finally {
          globalThis.fetch = fetch;
        }
      },
    };
  }

  function owners() {
    return {
      async "a response that a task returns is the scope's"() {
        const { key, url } = address("drip");
        await inScope(async (scope) => {
          await scope.scope("inner", async (inner) => {
            const response = await inner.spawn("task", (cx) => cx.fetch(url)).join();
            const reader = response.body.getReader();
            expect((await reader.read()).value.length > 0, true, "it is read there");
          });
          await expectFreed(key);
          const texts = await scope.all([(cx) => cx.fetch(address("text").url), (cx) => cx.fetch(address("text").url)]);
          expect(await Promise.all(texts.map((text) => text.text())), ["all of it", "all of it"], "those of all");
        });
      },

      async "a response is closed outside of its scope, and says so"() {
        const { key, url } = address("drip");
        const response = await inScope((scope) => scope.fetch(url));
        expect(await codeOf(response.text()), "TaskEnded", "the code");
        await expectFreed(key);
      },

      async "a task that does not end is given up, and what it has open is closed"() {
        const { key, url } = address("drip");
        const rt = createRuntime();
        const open = gate();
        const ended = caught(rt.scope("test", async (scope) => {
          await scope.fetch(url);
          open.open();
          await never();
        }));
        await open.promise;
        await rt.close();
        expect((await ended).reason?.kind, "shutdown", "why");
        await expectFreed(key);
        expect(ioCounts(rt), { opened: 1, closed: 1, late: 0, abandoned: 0 }, "the counts");
      },

      async "clean-up may fetch after a cancel"() {
        let text;
        await cancelled(async (cx, ready) => {
          cx.defer(async (own) => (text = await (await own.fetch(address("text").url)).text()));
          ready();
          await cx.sleep(1e6);
        });
        expect(text, "all of it", "the body");
      },

      async "a runtime that closes leaves nothing open at the server"() {
        const rt = createRuntime();
        const [drip, never, feed, echo, silent] = ["drip", "never", "feed", "echo", "silent"].map((name) => address(name));
        const channel = new MessageChannel();
        const ended = caught(rt.scope("test", async (scope) => {
          scope.spawn("body", async (cx) => (await cx.fetch(drip.url)).text());
          scope.spawn("headers", (cx) => cx.fetch(never.url));
          scope.spawn("feed", async (cx) => {
            for await (const _ of cx.socket(feed.url));
          });
          scope.spawn("echo", (cx) => cx.socket(echo.url).next());
          scope.spawn("stream", (cx) => cx.readable(new ReadableStream()).next());
          scope.spawn("port", (cx) => cx.port(channel.port1).next());
          scope.spawn("broadcast", (cx) => cx.broadcast(prefix).next());
          // The last: engines connect one socket to a server at a time.
          scope.spawn("connect", (cx) => cx.socket(silent.url).opened());
          await new Promise(() => {});
        }));
        const all = [drip, never, feed, echo, silent];
        // One after the other: a host has six connections to a server, and two are in use.
        for (const { key } of all) {
          await seen(key, { opened: 1 });
        }
        await rt.close();
        expect((await ended).reason?.kind, "shutdown", "why");
        for (const { key } of all.filter((one) => one !== silent)) {
          await expectFreed(key);
        }
        await expectGivenUp(silent.key);
        const { opened, closed } = ioCounts(rt);
        expect([opened, closed], [8, 8], "opened and closed here");
      },
    };
  }

  function sockets() {
    return {
      async "messages come in order, and a loop that is left closes with the handshake"() {
        const { key, url } = address("feed");
        await inScope(async (scope) => {
          const socket = scope.socket(url);
          const taken = [];
          for await (const message of socket) {
            taken.push(message);
            if (taken.length === 3) {
              break;
            }
          }
          expect(taken, ["1", "2", "3"], "the messages");
          expect([socket.state, socket.closed], ["closed", { code: 1000, reason: "", wasClean: true }], "how it ended");
        });
        expect((await seen(key, { closed: 1 })).codes, [1000], "the codes at the server");
      },

      async "sends wait for the connect, and keep their order"() {
        const { url } = address("echo");
        await inScope(async (scope) => {
          const socket = scope.socket(url);
          const sent = ["one", new Uint8Array([1, 2]), "three"].map((message) => socket.send(message));
          await Promise.all(sent);
          expect((await socket.next()).value, "one", "the first");
          const bytes = (await socket.next()).value;
          expect([bytes instanceof ArrayBuffer, ...new Uint8Array(bytes)], [true, 1, 2], "the second");
          expect((await socket.next()).value, "three", "the third");
          const closed = await socket.close(3001, "done here");
          expect([closed, await codeOf(socket.send("late"))], [{ code: 3001, reason: "done here", wasClean: true }, "closed"], "the end");
        });
      },

      async "a cancel closes with the handshake, and is thrown as it was asked"() {
        const { key, url } = address("feed");
        let error;
        await cancelled(async (cx, ready) => {
          const socket = cx.socket(url);
          await socket.next();
          ready();
          error = await caught((async () => {
            for await (const _ of socket);
          })());
          throw error;
        });
        expect([error.code, error.reason?.origin], ["Cancelled", "superseded"], "the error");
        expect((await seen(key, { closed: 1 })).codes, [1000], "the codes at the server");
      },

      async "a cancel while it connects gives the connection up"() {
        const { key, url } = address("silent");
        await cancelled(async (cx, ready) => {
          const opened = cx.socket(url).opened();
          await seen(key, { opened: 1 });
          ready();
          await opened;
        });
        await expectGivenUp(key);
      },

      async "a peer that closes in order ends the loop, with a code of its own it is an error"() {
        await inScope(async (scope) => {
          for (const [code, found] of [[1000, "no error"], [4001, ["connection_lost", 4001, "as asked"]]]) {
            const { key, url } = address("burst", { count: 2, code });
            const taken = [];
            const error = await caught((async () => {
              for await (const message of scope.socket(url)) {
                taken.push(message);
              }
            })());
            expect(taken, ["0", "1"], "the messages");
            expect(error.code ? [error.code, error.closeCode, error.closeReason] : error, found, "how the loop ends");
            await expectFreed(key);
          }
        });
      },

      async "a peer that is gone in the middle of a message is an error"() {
        const { key, url } = address("cut");
        await inScope(async (scope) => {
          const socket = scope.socket(url);
          expect((await socket.next()).value, "whole", "the message before");
          await socket.send("go");
          const error = await caught(socket.next());
          expect([error.code, error.closeCode], ["connection_lost", 1006], "the error");
          await expectFreed(key);
        });
      },

      async "a connect that is not answered is given up in time"() {
        const { key, url } = address("silent");
        await inScope(async (scope) => {
          const socket = scope.socket(url, { connectTimeout: 100 });
          const sent = caught(socket.send("never sent"));
          expect(await codeOf(socket.opened()), "connect_timeout", "the connect");
          expect([(await sent).code, await codeOf(socket.next())], ["connect_timeout", "connect_timeout"], "what waited for it");
          await expectGivenUp(key);
        });
      },

      async "a port that the host blocks is an error as well"() {
        await inScope(async (scope) => {
          const code = await codeOf((async () => scope.socket("ws://127.0.0.1:1/", { connectTimeout: 500 }).opened())());
          // An event, an error that is thrown, or nothing at all: by engine.
          expect(["connection_failed", "invalid_argument", "connect_timeout"].includes(code), true, `the code ${code}`);
        });
      },

      async "a send waits while the buffer is full; one that is cancelled was not sent"() {
        const { key, url } = address("slow");
        const size = 1 << 18;
        let sent = 0;
        await inScope(async (scope, rt) => {
          const full = gate();
          const task = scope.spawn("task", async (cx) => {
            const socket = cx.socket(url, { highWaterMark: size, closeTimeout: 50 });
            await socket.opened();
            for (;;) {
              const sending = socket.send(new Uint8Array(size)).then(() => (sent += 1));
              if (socket.buffered > 2 * size) {
                throw new Error(`${socket.buffered} bytes are waiting`);
              }
              if (socket.buffered > size) {
                full.open();
              }
              await sending;
            }
          });
          await Promise.race([full.promise, task.join()]);
          // It stays full; who does not wait goes on meanwhile.
          await seen(key, {});
          expect((await task.cancel()).outcome.kind, "cancelled", "the outcome");
          expect(ioCounts(rt).abandoned, 1, "the peer does not answer the handshake");
        });
        await ask("release", { key });
        const found = await seen(key, { messages: sent, closed: 1 });
        expect([found.messages, found.codes], [sent, [1000]], "what the server has got");
      },

      async "a send that waits goes on when the buffer drains"() {
        const { key, url } = address("slow");
        await inScope(async (scope) => {
          const socket = scope.socket(url, { highWaterMark: 0 });
          await socket.opened();
          const sends = Array.from({ length: 40 }, () => socket.send(new Uint8Array(1 << 20)));
          expect(socket.buffered > 0, true, "the first one waits in the host");
          await ask("release", { key });
          await Promise.all(sends);
          expect((await seen(key, { messages: 40 })).messages, 40, "what the server has got");
        });
      },

      async "messages beyond the queue close the socket, and those before can be taken"() {
        const { key, url } = address("burst", { count: 1000 });
        await inScope(async (scope) => {
          const socket = scope.socket(url, { queue: 10 });
          expect((await seen(key, { closed: 1 })).codes, [3008], "the codes at the server");
          const taken = [];
          const error = await caught((async () => {
            for await (const message of socket) {
              taken.push(message);
            }
          })());
          expect([taken.length, taken.at(-1), error.code], [10, "9", "queue_overflow"], "what is taken");
        });
      },

      async "messages beyond the queue are dropped and counted, if that is asked for"() {
        const lasts = { "drop-oldest": "99", "drop-newest": "9" };
        for (const [overflow, last] of Object.entries(lasts)) {
          await inScope(async (scope) => {
            const socket = scope.socket(address("burst", { count: 100, code: 1000 }).url, { queue: 10, overflow });
            while (socket.state !== "closed") {
              await scope.sleep(1);
            }
            const taken = [];
            for await (const message of socket) {
              taken.push(message);
            }
            expect([taken.length, taken.at(-1), socket.dropped], [10, last, 90], overflow);
          });
        }
      },

      async "what a socket cannot be told is refused before anything is done"() {
        const { key, url } = address("echo");
        await inScope(async (scope) => {
          const socket = scope.socket(url);
          await socket.opened();
          for (const code of [1001, 1005, 2999, 5000, 3000.5]) {
            expect(await codeOf(socket.close(code)), "invalid_close_code", `the code ${code}`);
          }
          expect(await codeOf(socket.close(3000, "x".repeat(124))), "invalid_argument", "a long reason");
          expect(socket.state, "open", "it is still open");
          for (const [options, where] of [[{ queue: 0 }, url], [{ overflow: "wait" }, url], [{ highWaterMark: -1 }, url], [{}, "http://"]]) {
            expect(await codeOf((async () => scope.socket(where, options))()), "invalid_argument", JSON.stringify(options));
          }
          expect((await seen(key, {})).opened, 1, "connections");
        });
      },

      async "messages that come after the end are dropped and counted"() {
        const { WebSocket } = globalThis;
        const made = gate();
        globalThis.WebSocket = class {
          bufferedAmount = 0;
          constructor() {
            made.open(this);
          }
          close() {
            this.onmessage({ data: "late" });
            this.onopen();
            this.onclose({ code: 1006, reason: "", wasClean: false });
            this.onclose({ code: 1006, reason: "", wasClean: false });
          }
        };
        try {
          await inScope(async (scope, rt) => {
            const task = scope.spawn("task", (cx) => cx.socket("ws://late/").opened());
            await made.promise;
            await task.cancel();
            expect(ioCounts(rt), { opened: 1, closed: 1, late: 3, abandoned: 0 }, "the counts");
          });
        } finally {
          globalThis.WebSocket = WebSocket;
        }
      },
    };
  }

  function streams() {
    const numbers = (cancel) => new ReadableStream({ start: (out) => [1, 2, 3].forEach((number) => out.enqueue(number)), cancel }, { highWaterMark: 9 });
    return {
      async "a stream that is not read to its end is cancelled, with the reason"() {
        let why = "nothing";
        await inScope(async (scope) => {
          for await (const number of scope.readable(numbers((reason) => (why = String(reason))))) {
            if (number === 2) {
              break;
            }
          }
          expect(why, "undefined", "of a loop that is left");
        });
        await cancelled(async (cx, ready) => {
          const source = cx.readable(new ReadableStream({ cancel: (reason) => (why = reason.reason.origin) }));
          ready();
          await source.next();
        });
        expect(why, "superseded", "of a cancel");
        await inScope((scope) => scope.scope("inner", (inner) => void inner.readable(numbers((reason) => (why = reason.code)))));
        expect(why, "TaskEnded", "of a scope that ends");
      },

      async "a stream that is not closed is aborted; a write waits for room"() {
        const told = [];
        const written = gate();
        const sink = (write) => new WritableStream({ write, close: () => told.push("closed"), abort: (reason) => told.push(reason.code ?? reason) });
        await inScope(async (scope) => {
          const out = scope.writable(sink((chunk) => told.push(chunk)));
          await out.write("one");
          await out.close();
          expect([told.splice(0), await codeOf(out.write("late"))], [["one", "closed"], "closed"], "closed in order");
        });
        await cancelled(async (cx, ready) => {
          const out = cx.writable(sink((chunk) => (told.push(chunk), written.promise)));
          const waits = [out.write("first"), out.write("second")].map(codeOf);
          await cx.sleep(0);
          ready();
          await caught(cx.sleep(1e6));
          written.open();
          expect(await Promise.all(waits), ["Cancelled", "Cancelled"], "what waited");
          await cx.checkpoint();
        });
        expect(told, ["first", "Cancelled"], "the second was not written");
      },

      async "a stream that somebody holds is refused"() {
        await inScope(async (scope, rt) => {
          const stream = new ReadableStream();
          stream.getReader();
          expect(await codeOf((async () => scope.readable(stream))()), "invalid_argument", "the code");
          expect(ioCounts(rt).closed, 1, "nothing stays open");
        });
      },
    };
  }

  function ports() {
    return {
      async "a port tells the other side of its end"() {
        await inScope(async (scope) => {
          const [near, far] = scope.channel();
          const task = scope.spawn("far", async (cx) => {
            const port = cx.port(far);
            await port.send({ from: "far" });
            const taken = [];
            for await (const message of port) {
              taken.push(message);
            }
            return taken;
          });
          await near.opened();
          expect((await near.next()).value, { from: "far" }, "a message");
          await near.send(1);
          await near.send([2]);
          await near.close();
          expect(await task.join(), [1, [2]], "what came before the end");
        });
      },

      async "a port of a task that ends says so"() {
        await inScope(async (scope) => {
          const [near, far] = scope.channel();
          const ready = gate();
          const task = scope.spawn("far", async (cx) => {
            const port = cx.port(far);
            await port.opened();
            ready.open();
            await port.next();
          });
          await ready.promise;
          await task.cancel();
          expect(await near.next(), { done: true }, "the loop ends");
          expect(await codeOf(near.send(1)), "closed", "a send after it");
        });
      },

      async "what cannot be cloned is an error with a code, and the port goes on"() {
        await inScope(async (scope) => {
          const [near, far] = scope.channel();
          const other = scope.port(far);
          expect(await codeOf(near.send(() => {})), "not_cloneable", "a function");
          expect(await codeOf(near.send(1, [{}])), "not_cloneable", "what cannot be transferred");
          const bytes = new ArrayBuffer(8);
          await near.send(bytes, [bytes]);
          expect([(await other.next()).value.byteLength, bytes.byteLength], [8, 0], "what can");
        });
      },

      async "a port whose other side nobody takes is given up"() {
        await inScope(async (scope) => {
          const [near] = scope.channel({ connectTimeout: 20 });
          expect([await codeOf(near.opened()), await codeOf(near.next())], ["connect_timeout", "connect_timeout"], "the codes");
        });
      },

      async "messages beyond the queue close a port"() {
        await inScope(async (scope) => {
          for (const options of [{ queue: 0 }, { overflow: "wait" }]) {
            expect(await codeOf((async () => scope.channel(options))()), "invalid_argument", JSON.stringify(options));
          }
          const [near, far] = scope.channel();
          const other = scope.port(far, { queue: 2 });
          await other.opened();
          await Promise.all([1, 2, 3, 4].map((number) => near.send(number)));
          expect((await near.next()).done, true, "the sender is told");
          expect([(await other.next()).value, (await other.next()).value, await codeOf(other.next())], [1, 2, "queue_overflow"], "what is taken");
        });
      },

      async "a broadcast knows who is there"() {
        await inScope(async (scope) => {
          const here = scope.broadcast(`${prefix}-room`);
          await scope.scope("inner", async (inner) => {
            const other = inner.broadcast(`${prefix}-room`);
            while (here.peers + other.peers < 2) {
              await scope.sleep(1);
            }
            await other.send("to all");
            expect((await here.next()).value, "to all", "a message");
            expect(await codeOf(other.send(() => {})), "not_cloneable", "a function");
          });
          while (here.peers > 0) {
            await scope.sleep(1);
          }
        });
      },
    };
  }

  function grants() {
    const uses = {
      fetch: (cx) => cx.fetch(address("text").url),
      socket: async (cx) => cx.socket(address("echo").url),
      streams: async (cx) => cx.readable(new ReadableStream()),
      ports: async (cx) => cx.broadcast(prefix),
    };
    return {
      async "what was not granted is refused, before anything is done"() {
        for (const [name, use] of Object.entries(uses)) {
          const others = Object.keys(uses).filter((other) => other !== name);
          for (const options of [{ io: [] }, { io: others }, { mode: "deterministic" }]) {
            await inScope(async (scope, rt) => {
              expect(await codeOf(use(scope)), "capability_not_granted", name);
              expect(ioCounts(rt).opened, 0, "opened");
            }, options);
          }
          await inScope(async (scope) => expect(await codeOf(use(scope)), undefined, name), { io: [name] });
        }
        expect(await codeOf((async () => createRuntime({ io: ["files"] }))()), "invalid_argument", "an unknown one");
      },

      async "what the host has not is refused, by its name"() {
        const surfaces = { fetch: "fetch", WebSocket: "socket", BroadcastChannel: "ports" };
        for (const [name, use] of Object.entries(surfaces)) {
          const found = globalThis[name];
          globalThis[name] = undefined;
          try {
            await inScope(async (scope, rt) => {
              expect(await codeOf(uses[use](scope)), "unsupported_runtime_context", name);
              expect(ioCounts(rt).opened, 0, "opened");
            });
          } finally {
            globalThis[name] = found;
          }
        }
      },
    };
  }
}
