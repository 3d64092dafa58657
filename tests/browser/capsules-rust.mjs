// Programs in Rust that use `asupersync_browser::io`, and that it ends with them: run by `io.mjs` in browsers.

import { connect } from "../../platform-browser/js/host.mjs";
import { connectIo } from "../../platform-browser/js/io/bridge.mjs";
import { asking, expect } from "./asking.mjs";

const [READ_ALL, READ_FOR_EVER, LEAVE_UNREAD, CHAT, LISTEN, COPY, TALK, GIVE_UP, FLOOD, IN_TIME, DENIED] = Array(11).keys();

/** An instance, what it notes, and the two halves of its host. */
class Program {
  notes = [];
  #waiting = [];

  static async make(module) {
    const program = new Program();
    const host = connect((error) => {
      program.io.end(error);
      program.note("told");
    });
    program.host = host;
    program.io = connectIo(host);
    let memory;
    const print = (at, length) => program.note(new TextDecoder().decode(new Uint8Array(memory.buffer, at, length)));
    const imports = { host: { print }, asupersync: host.imports, asupersync_io: program.io.imports };
    const { exports } = await WebAssembly.instantiate(module, imports);
    memory = exports.memory;
    host.attach(exports);
    program.io.attach(exports);
    program.memory = memory;
    return program;
  }

  note(text) {
    this.notes.push(text);
    this.#waiting.splice(0).forEach((look) => look());
  }

  /** Settles when something was noted that begins with this. */
  async until(text) {
    while (!this.notes.some((note) => note.startsWith(text))) {
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }

  start(program, text = "", lent = 0, isGranted = 1) {
    const bytes = new TextEncoder().encode(text);
    const at = this.host.enter("text", bytes.length);
    new Uint8Array(this.memory.buffer, at, bytes.length).set(bytes);
    this.host.enter("start", program, lent, isGranted);
  }

  /** Ends the runtime; then nothing is open. */
  async end() {
    this.host.enter("shut_down");
    await this.until("shut down");
    const { opened, closed, size } = this.io.ledger;
    expect([closed, size], [opened, 0], "closed and open at the end");
    return this.notes.slice(0, -1);
  }
}

/** The cases, of a module and a server with a peer. */
export function programs(module, origin, freed) {
  const { address, seen, expectFreed, expectGivenUp } = asking(origin, freed);
  const run = async (program, text, lent, isGranted) => {
    const made = await Program.make(module);
    made.start(program, text, lent?.(made.io) ?? 0, isGranted);
    return made;
  };
  const ended = async (made) => {
    await made.until("ended");
    return made.end();
  };

  return {
    async "rust: a fetch gives status, headers and body"() {
      const notes = await ended(await run(READ_ALL, address("text").url));
      expect(notes, ["200 text/plain; charset=utf-8", "all of it", "ended"], "the notes");
    },

    async "rust: a cancel before the headers and in the body frees the connection"() {
      for (const [name, before] of [["never", undefined], ["drip", "part"]]) {
        const { key, url } = address(name);
        const made = await run(READ_FOR_EVER, url);
        await (before ? made.until(before) : seen(key, { opened: 1 }));
        made.host.enter("cancel");
        await made.until("cancelled");
        await ended(made);
        await expectFreed(key);
      }
    },

    async "rust: a response that is dropped unread frees its connection, before its region closes"() {
      const { key, url } = address("drip");
      const made = await run(LEAVE_UNREAD, url);
      await made.until("ended");
      expect([made.io.ledger.size, made.notes], [0, ["200", "ended"]], "open, and the notes");
      await expectFreed(key);
      await made.end();
    },

    async "rust: messages go both ways; close codes are checked; a handshake is waited for"() {
      const { key, url } = address("echo");
      const notes = await ended(await run(CHAT, url));
      expect(notes, ["the same", "the same", "the same", "invalid_close_code", "3001 done here", "ended"], "the notes");
      expect((await seen(key, { closed: 2 })).codes, [1000, 3001], "the codes at the server");
    },

    async "rust: a cancel closes a socket with the handshake"() {
      const { key, url } = address("feed");
      const made = await run(LISTEN, url);
      await made.until("3");
      made.host.enter("cancel");
      await made.until("cancelled");
      await ended(made);
      expect((await seen(key, { closed: 1 })).codes, [1000], "the codes at the server");
    },

    async "rust: a peer that closes with a code of its own is an error, after its messages"() {
      const notes = await ended(await run(LISTEN, address("burst", { count: 2, code: 4001 }).url));
      expect(notes.slice(0, 3), ["0", "1", "connection_lost"], "the notes");
    },

    async "rust: a stream is copied into another; what is not read is cancelled"() {
      const written = [];
      const lend = (source) => (io) => {
        const number = io.lend(source);
        io.lend(new WritableStream({ write: (bytes) => written.push(...bytes), close: () => written.push("closed"), abort: () => written.push("aborted") }));
        return number;
      };
      const parts = new ReadableStream({ start: (out) => ([1, 2].forEach((byte) => out.enqueue(new Uint8Array([byte]))), out.close()) });
      await ended(await run(COPY, "", lend(parts)));
      expect(written.splice(0), [1, 2, "closed"], "what was written");
      let isCancelled = false;
      const made = await run(COPY, "", lend(new ReadableStream({ cancel: () => (isCancelled = true) })));
      made.host.enter("cancel");
      await ended(made);
      expect([isCancelled, written], [true, ["aborted"]], "both after a cancel");
      expect((await ended(await run(COPY, "", () => 99)))[0], "invalid_argument", "what was not lent");
    },

    async "rust: a port takes texts, bytes and JSON, and hears of the end of the other side"() {
      const { port1, port2 } = new MessageChannel();
      const made = await run(TALK, "", (io) => io.lend(port1));
      const data = (value) => port2.postMessage({ asupersync: "data", value });
      const first = new Promise((resolve) => (port2.onmessage = ({ data }) => data.asupersync === "data" && resolve(data.value)));
      port2.postMessage({ asupersync: "hello" });
      expect(await first, "from rust", "what it sends");
      ["text", new Uint8Array([7]), { a: 1 }].forEach(data);
      port2.postMessage({ asupersync: "bye" });
      expect(await ended(made), ['Text("text")', "Bytes([7])", 'Text("{\\"a\\":1}")', "ended"], "the notes");
      port2.close();
    },

    async "rust: a wait that is given up loses no message"() {
      const notes = await ended(await run(GIVE_UP, address("echo").url));
      expect(notes, ["1", "2", "3", "ended"], "the notes");
    },

    async "rust: messages beyond the queue close the socket"() {
      const { key, url } = address("burst", { count: 100_000 });
      const notes = await ended(await run(FLOOD, url));
      expect(notes.slice(0, 3), ["open", "ten were kept", "queue_overflow"], "the notes");
      await expectFreed(key);
    },

    async "rust: a connect that is not answered is given up in time"() {
      const { key, url } = address("silent");
      expect((await ended(await run(IN_TIME, url)))[0], "connect_timeout", "the note");
      await expectGivenUp(key);
    },

    async "rust: what was not granted, or was denied on the way, is refused before anything is done"() {
      const { key, url } = address("text");
      expect((await ended(await run(READ_ALL, url, undefined, 0)))[0], "denied: fetch", "a runtime without");
      expect((await seen(key, {})).opened, 0, "requests");
      const notes = await ended(await run(DENIED, url));
      expect(notes.slice(0, 3), ["denied: fetch", "200 text/plain; charset=utf-8", "all of it"], "a region without");
      expect((await seen(key, {})).opened, 1, "requests");
    },

    async "rust: a module that panics leaves nothing open"() {
      for (const [program, name, before] of [[READ_FOR_EVER, "drip", "part"], [LISTEN, "feed", "2"]]) {
        const { key, url } = address(name);
        const made = await run(program, url);
        await made.until(before);
        made.host.enter("panic_now");
        expect([made.notes.includes("told"), made.io.ledger.size < 2], [true, true], "it is told");
        await expectFreed(key);
        expect(made.io.ledger.size, 0, "open");
      }
    },
  };
}
