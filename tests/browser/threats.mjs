// The job of the threat model (platform-browser/README.md): one case for each row. A wrong call is a typed error, a hostile
// value is a value, and the runtime goes on.

import { expect, macrotask, rejection, runCases } from "./cases.mjs";
import { watchInstances } from "./instances.mjs";
import { load } from "./modules.mjs";

const { createRuntime, withRuntime } = await load("core");
const latest = watchInstances();
const STALE = -1;

/** Every call of the module that takes a number, on this one. */
const answers = ({ exports }, id) => [
  exports.open(id, -1), exports.spawn(id, 0), exports.settle(id, 0), exports.finalized(id), exports.defer(id),
  exports.sleep(id, 1, 1), exports.cancel(id),
];

const codes = (calls) => Promise.all(calls.map(async (call) => {
  try {
    await call();
    return "done";
  } catch (error) {
    return error.code ?? error.name;
  }
}));

/** A runtime that has to work when `call` has done its worst. */
const survives = (mode, call) => withRuntime({ mode }, async (rt) => {
  const value = await call(rt);
  expect(await rt.scope("s", (scope) => scope.spawn("t", async (cx) => (await cx.sleep(1), 7)).join()), 7, "it works on");
  return value;
});

/** Runs a task that returns or throws `end()`; gives its outcome. */
const outcomeOf = (rt, end) => rt.scope("s", async (scope) => {
  const task = await new Promise((resolve) => {
    scope.scope("inner", (inner) => resolve(inner.spawn("t", end))).catch(() => {});
  });
  return task.outcome;
});

const CASES = {
  "a forged number finds nothing": (mode) => survives(mode, (rt) => rt.scope("s", async (scope) => {
    await scope.sleep(1);
    const instance = latest();
    const [real] = instance.started;
    let state = 1;
    const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
    const forged = [NaN, Infinity, -Infinity, -1, 0.5, real + 0.5, real + 1, real - 1, -real, 2 ** 53, Number.MAX_VALUE, undefined, "1", {}];
    for (let round = 0; round < 2000; round += 1) {
      forged.push(random() * 2 ** (random() % 32), real + (random() % 2 ? 1 : -1) * 2 ** (random() % 53));
    }
    // 0 is the runtime itself, for two of the calls.
    for (const id of forged.filter((id) => id !== real && Number(id) !== 0)) {
      expect(answers(instance, id), Array(7).fill(STALE), `number ${String(id)}`);
    }
    expect(instance.exports.slots(), 1, "slots in use");
  })),

  "a number of another runtime is foreign": (mode) => survives(mode, (rt) => rt.scope("s", async () => {
    await macrotask();
    const ours = latest();
    await survives(mode, (other) => other.scope("s", async () => {
      await macrotask();
      expect(latest() !== ours, true, "there are two");
      expect(answers(latest(), ours.started[0]), Array(7).fill(STALE), "the number of the one in the other");
    }));
  })),

  "an object that only looks like a handle is refused": (mode) => survives(mode, (rt) => rt.scope("s", async (scope) => {
    const task = scope.spawn("t", () => 1);
    for (const handle of [rt, scope, task]) {
      const forged = Object.create(Object.getPrototypeOf(handle));
      const names = ["scope", "spawn", "cancel", "sleep", "join", "close", "restart", "checkpoint"].filter((name) => name in forged);
      const found = await codes(names.map((name) => () => forged[name]("s", () => {})));
      expect(new Set(found), new Set(["TypeError"]), `${names}: ${found}`);
    }
  })),

  async "what is used after its end is stale"(mode) {
    const kept = {};
    const rt = createRuntime({ mode });
    await rt.scope("s", async (scope) => {
      kept.scope = scope;
      kept.task = scope.spawn("t", (cx) => void (kept.cx = cx));
      await kept.task.outcome;
    });
    const calls = [
      () => kept.scope.spawn("t", () => {}), () => kept.scope.sleep(1), () => kept.cx.sleep(1), () => kept.cx.defer(() => {}),
      () => kept.cx.scope("s", () => {}), () => kept.task.cancel(), () => kept.scope.cancel(),
    ];
    const found = ["StaleHandle", "TaskEnded", "TaskEnded", "TaskEnded", "TaskEnded", "done", "done"];
    expect(await codes(calls), found, "after the end");
    await rt.close();
    expect(await codes(calls), found, "after the close");
    expect(await codes([() => rt.scope("s", () => {}), () => rt.close()]), ["RuntimeClosed", "done"], "the runtime");
    const [started] = latest().started;
    expect(answers(latest(), started), Array(7).fill(STALE), "its number");
  },

  "100,000 requests to stop are one": (mode) => survives(mode, async (rt) => {
    let aborts = 0;
    const outcome = await rt.scope("s", async (scope) => {
      const task = scope.spawn("t", async (cx) => {
        cx.signal.addEventListener("abort", () => (aborts += 1));
        await cx.sleep(1e6);
      });
      await scope.sleep(1);
      const reports = [];
      for (let request = 0; request < 100_000; request += 1) {
        reports.push(task.cancel({ kind: "storm", message: `request ${request}` }));
      }
      const kinds = new Set((await Promise.all(reports)).map(({ outcome }) => outcome.kind));
      expect([...kinds], ["cancelled"], "all reports");
      return task.outcome;
    });
    expect([aborts, outcome.reason.message], [1, "request 0"], "aborts, and the reason");
  }),

  "a storm over 1,000 tasks that answer each abort with more": (mode) => survives(mode, async (rt) => {
    let [requests, waiting] = [0, 1000];
    const error = await rejection(rt.scope("s", async (scope) => {
      const tasks = Array.from({ length: 1000 }, (_, index) => scope.spawn("t", async (cx) => {
        cx.signal.addEventListener("abort", () => {
          for (let next = index + 1; next <= index + 100; next += 1) {
            requests += 1;
            tasks[next % 1000].cancel({ kind: "storm" }).catch(() => {});
          }
        });
        waiting -= 1;
        await cx.sleep(1e6);
      }));
      while (waiting > 0) {
        await macrotask();
      }
      await Promise.all(tasks.map((task) => task.cancel()));
      throw new Error("all have ended");
    }), "the scope");
    expect([error.message, requests], ["all have ended", 100_000], "the end, and requests");
  }),

  "abort listeners that call everything find it working or refused": (mode) => survives(mode, async (rt) => {
    const found = {};
    const error = await rejection(rt.scope("s", async (scope) => {
      const task = scope.spawn("t", async (cx) => {
        cx.signal.addEventListener("abort", () => {
          found.codes = codes([
            () => scope.spawn("late", () => {}), () => cx.sleep(1), () => cx.scope("s", () => {}), () => task.cancel(),
            () => rt.scope("other", () => {}), () => cx.checkpoint(), () => cx.defer(() => (found.deferred = true)),
          ]);
          found.own = scope.cancel();
        });
        await cx.sleep(1e6);
      });
      await scope.sleep(1);
      await task.cancel();
    }), "the scope");
    expect(error.code, "Cancelled", "it was asked to stop by its own task");
    const cancelled = "Cancelled";
    expect(await found.codes, ["done", cancelled, cancelled, "done", "done", cancelled, "done"], "what the listener found");
    expect([(await found.own).stuck, found.deferred], [[], true], "its own cancel, and what it deferred");
  }),

  "thenables that throw, settle twice or never are values, errors or stuck": async (mode) => {
    await survives(mode, async (rt) => {
      const thrower = { get then() { throw "in the getter"; } };
      const twice = { then: (resolve, reject) => (resolve(1), reject("late"), resolve(2)) };
      const late = { then(resolve) { resolve(3); throw "after it has settled"; } };
      const deep = { then: (resolve) => resolve({ then: (_, reject) => reject("deep") }) };
      const ends = [];
      for (const thenable of [thrower, twice, late, deep]) {
        const { kind, value, error } = await outcomeOf(rt, () => thenable);
        ends.push([kind, value ?? error]);
      }
      expect(ends, [["err", "in the getter"], ["ok", 1], ["ok", 3], ["err", "deep"]], "the outcomes");
    });
    const rt = createRuntime({ mode });
    const waiting = rejection(rt.scope("s", async (scope) => {
      const task = scope.spawn("never", () => ({ then() {} }));
      await scope.sleep(1);
      const { stuck } = await task.cancel({}, { drain: 1 });
      expect(stuck, ["s/never"], "who is stuck");
      await scope.sleep(1e6);
    }), "the scope");
    await macrotask();
    await macrotask();
    // Within the clean-up budget of a shutdown, half a second.
    await rt.close();
    const error = await waiting;
    expect(error.reason?.kind, "shutdown", `the scope: ${error.message}`);
  },

  "errors that cannot be looked at are errors": (mode) => survives(mode, async (rt) => {
    const trap = () => {
      throw new Error("do not look");
    };
    const hostile = new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap });
    const texts = { toString: trap, get message() { return trap(); } };
    for (const error of [undefined, null, 0, "text", Symbol("symbol"), Object.freeze({}), texts, hostile]) {
      const outcome = await outcomeOf(rt, async () => {
        throw error;
      });
      expect([outcome.kind, outcome.error === error], ["err", true], "of a task");
      const cancelled = await rt.scope("s", async (scope) => {
        const task = scope.spawn("t", (cx) => cx.sleep(1e6).catch(() => Promise.reject(error)));
        await scope.sleep(1);
        const report = await task.cancel();
        throw report.outcome;
      }).catch((thrown) => thrown);
      expect([cancelled.kind, cancelled.error === error], ["err", true], "of one that was asked to stop");
    }
  }),

  "reasons that cannot be read still stop": (mode) => survives(mode, async (rt) => {
    const unreadable = { toString() { throw new Error("do not look"); } };
    const wrong = Object.assign(new Error("text"), { message: Symbol("no text") });
    const reasons = [undefined, null, Symbol("s"), unreadable, wrong, "x".repeat(1e6), "\u{d800}\0", new Proxy({}, { get: () => { throw 1; } })];
    for (const reason of reasons) {
      for (const before of [true, false]) {
        const controller = new AbortController();
        before && controller.abort(reason);
        const waiting = rejection(rt.scope("s", (scope) => scope.sleep(1e6), { signal: controller.signal }), "the scope");
        await macrotask();
        controller.abort(reason);
        const { reason: why } = await waiting;
        expect([why.origin, typeof why.message], ["signal", "string"], "why it ended");
      }
    }
  }),

  "who is stopped before the start is never called": (mode) => survives(mode, async (rt) => {
    let calls = 0;
    const outcomes = await rt.scope("s", async (scope) => {
      const tasks = [];
      for (let count = 0; count < 100; count += 1) {
        const task = scope.spawn("t", () => (calls += 1));
        task.cancel();
        tasks.push(task.outcome);
      }
      return Promise.all(tasks);
    });
    expect([calls, new Set(outcomes.map(({ kind }) => kind)).has("cancelled")], [0, true], "calls, and the outcomes");
    const error = await rejection(rt.scope("s", () => (calls += 1), { signal: AbortSignal.abort("early") }), "the scope");
    expect([calls, error.reason.message], [0, "early"], "calls, and why");
  }),

  "a number that is no time, a full runtime and a text that is too long are refused": (mode) => survives(mode, async (rt) => {
    const times = [NaN, -1, "1", null, 1n, Symbol("s"), {}];
    const found = await rt.scope("s", (scope) => codes(times.map((time) => () => scope.sleep(time))));
    expect([...new Set(found)], ["InvalidArgument"], "times");
    const small = createRuntime({ mode, capacity: 4 });
    const full = await small.scope("s", (scope) =>
      codes(Array.from({ length: 10 }, () => () => scope.spawn("t", () => {}))));
    expect([full.filter((code) => code === "AtCapacity").length > 0, full[0]], [true, "done"], `the full runtime: ${full}`);
    await small.close();
    await rt.scope("s", async (scope) => {
      const task = scope.spawn("t", (cx) => cx.sleep(1e6));
      const words = [{ kind: "k".repeat(41) }, { kind: "No Word" }, { kind: 1 }, { message: 1 }];
      expect(await codes(words.map((words) => () => task.cancel(words))), Array(4).fill("InvalidArgument"), "words");
      await task.cancel({ message: "\u{1f600}".repeat(1e5) });
      expect((await task.outcome).reason.message.length <= 200, true, "a long message is cut");
    }).catch((error) => expect(error.code, "Cancelled", "the scope"));
  }),
};

export const run = (print) => runCases(CASES, ["live", "deterministic"], print);
