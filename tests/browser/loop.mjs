// The job that tests the event loop: order, entries, panics and the page's lifecycle, in the host that runs it.

import { InstancePoisoned } from "../../platform-browser/js/host.mjs";
import { watchPage } from "../../platform-browser/js/lifecycle.mjs";
import { instantiate } from "../wasm/suites.mjs";

const module = await WebAssembly.compileStreaming(fetch("/modules/kit"));
const isPage = globalThis.document !== undefined;

/** What a program says, beside what the page notes. */
class Notes extends Array {
  /** Settles when this was noted. */
  async until(what) {
    while (!this.some((note) => note.includes(what))) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  take() {
    return this.splice(0);
  }
}

function expect(found, expected, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) {
    throw new Error(`${what}: found ${left}, expected ${right}`);
  }
}

/** What a call throws. */
function refusal(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
}

const CASES = {
  async "yield_to_host waits for a macrotask"(notes, app) {
    app.start_order();
    notes.push("returned");
    let chain = Promise.resolve();
    for (let hop = 0; hop < 200; hop += 1) {
      chain = chain.then(() => {});
    }
    chain.then(() => notes.push("200 microtasks"));
    await notes.until("ended");
    // When the task has yielded to others is the clock's affair.
    const found = notes.take().filter((note) => note !== "yielded to tasks");
    expect(found, ["starts", "returned", "200 microtasks", "yielded to the host", "slept", "ended"], "the order");
  },

  async "a then that was replaced is left alone"(notes) {
    const { then } = Promise.prototype;
    const { queueMicrotask } = globalThis;
    let queued = 0;
    try {
      Promise.prototype.then = function (...values) {
        return then.apply(this, values);
      };
      globalThis.queueMicrotask = (call) => {
        queued += 1;
        queueMicrotask(call);
      };
      const { exports } = await instantiate(module, (text) => notes.push(text));
      exports.start_order();
      await notes.until("ended");
    } finally {
      Promise.prototype.then = then;
      globalThis.queueMicrotask = queueMicrotask;
    }
    expect(queued > 0, true, "microtasks are asked for by queueMicrotask");
  },

  async "an export that enters has done its work when it returns"(notes, app) {
    app.start_listen();
    await new Promise((resolve) => setTimeout(resolve, 5));
    notes.push("before");
    app.poke();
    notes.push("after");
    expect(notes.take(), ["before", "poked", "goes on", "after"], "the order");
  },

  async "a panic ends the instance, once, and is told"(notes, app, host) {
    app.start_panic();
    await notes.until("told");
    const panic = notes.filter((note) => note.startsWith("PANIC") && note.includes("on purpose"));
    expect(panic.length, 1, "the panic was shown");
    // The sleeper's time comes and goes.
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(notes.filter((note) => note.startsWith("told")).length, 1, "told once");
    expect(notes.includes("ended"), false, "nobody is let in");
    expect(refusal(() => host.enter("poke")) instanceof InstancePoisoned, true, "whoever enters is refused");
    expect(refusal(() => host.enter("no_such_export")) instanceof InstancePoisoned, true, "whatever they ask for");
  },

  async "what a panic says is in the error, and the host's hooks are released"(notes) {
    const errors = [];
    const { exports, host } = await instantiate(module, () => {}, (error) => errors.push(error));
    const { setTimeout, clearTimeout } = globalThis;
    const { postMessage } = MessagePort.prototype;
    let posts = 0;
    const timers = new Set();
    try {
      globalThis.setTimeout = (call, ...values) => {
        const timer = setTimeout(() => (timers.delete(timer), call(...values.slice(1))), values[0]);
        timers.add(timer);
        return timer;
      };
      globalThis.clearTimeout = (timer) => (timers.delete(timer), clearTimeout(timer));
      MessagePort.prototype.postMessage = function (...values) {
        posts += 1;
        postMessage.apply(this, values);
      };
      // It takes slice after slice, so it uses the channel and the watchdog's timer.
      host.enter("start_spin");
      while (timers.size === 0 || posts === 0) {
        await new Promise((resolve) => setTimeout.call(globalThis, resolve, 1));
      }
      host.enter("panic_now");
      posts = 0;
      await new Promise((resolve) => setTimeout.call(globalThis, resolve, 5));
    } finally {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      Object.assign(MessagePort.prototype, { postMessage });
    }
    const [error] = errors;
    expect([error instanceof InstancePoisoned, error.panic.text, errors.length], [true, "on purpose", 1], "what was told");
    expect(/event_loop\.rs:\d+$/.test(error.panic.location), true, `the place, ${error.panic.location}`);
    expect(error.message.includes("on purpose"), true, "the message");
    expect([timers.size, posts], [0, 0], "timers, and hops after it");
    const polls = exports.polls();
    await new Promise((resolve) => setTimeout.call(globalThis, resolve, 20));
    expect(exports.polls(), polls, "polls after the panic");
  },

  async "a panic below a call of the module ends what called"(notes) {
    let app;
    const print = (text) => {
      notes.push(text.startsWith("PANIC") ? "panic" : text);
      if (text === "poked") {
        app.host.enter("panic_now");
      }
    };
    app = await instantiate(module, print, () => notes.push("told"));
    app.host.enter("start_listen");
    app.host.enter("poke");
    expect(refusal(() => app.host.enter("poke")) instanceof InstancePoisoned, true, "nobody is let in");
    expect(notes.take(), ["poked", "panic", "told"], "nothing goes on");
  },
};

if (isPage) {
  CASES["the page's lifecycle is told before the event is over"] = async (notes, app, host) => {
    app.start_watch();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const unwatch = watchPage(host);
    document.dispatchEvent(new Event("freeze"));
    globalThis.dispatchEvent(new Event("pagehide"));
    expect(notes.take(), ["suspended"], "told once");
    document.dispatchEvent(new Event("resume"));
    const [resumed] = notes.take();
    expect(/^resumed after \d+ ms$/.test(resumed), true, `told: ${resumed}`);
    unwatch();
    document.dispatchEvent(new Event("freeze"));
    expect(notes.take(), [], "unwatched");
  };
}

export async function run(print) {
  let failed = 0;
  const cases = Object.entries(CASES);
  for (const [name, test] of cases) {
    const notes = new Notes();
    const told = (error) => notes.push(`told: ${error.message}`);
    try {
      const { exports, host } = await instantiate(module, (text) => notes.push(text), told);
      await test(notes, exports, host);
      print(`ok      ${name}`);
    } catch (error) {
      print(`FAILED  ${name}: ${error.message}`);
      failed += 1;
    }
  }
  return { passed: failed === 0, summary: `${cases.length - failed} passed, ${failed} failed` };
}
