// One instance of the module: its imports and exports, and the functions behind its numbers.
//
// Owns what the module cannot hold: functions, values, errors, signals. When something runs, is asked to stop, or has ended,
// the module says; nothing of that is decided here.

import { connect, type Host } from "./host.mjs";
import { BACKGROUND, Entry, SCOPE, TASK } from "./entry.js";
import { cancelInfo, CancelledError, panicked, refusal, RuntimeError, type CancelInfo } from "./errors.js";
import { MODULE } from "./module.js";
import { connectVirtual } from "./virtual.js";

/** How a task ended. `suppressed`: what its deferred functions threw. */
export type Outcome<T> = (
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "err"; readonly error: unknown }
  | { readonly kind: "cancelled"; readonly reason: CancelInfo }
  | { readonly kind: "panicked"; readonly error: RuntimeError }
) & { readonly suppressed?: readonly unknown[] };

/** What happened to the tasks of a scope, in numbers. */
export interface ScopeReport {
  readonly ok: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Dropped, since they did not end within their clean-up budget. */
  readonly forced: number;
  /** Cancelled before they began. */
  readonly unpolled: number;
  readonly finalized: number;
  readonly finalizersForced: number;
}

/** The exports that answer with a number: a negative one is a refusal. */
type Export = "open" | "spawn" | "defer" | "sleep" | "text" | "cancel";
let compiled: WebAssembly.Module | undefined;
/** What happens to an entry, as a trace tells it. */
export type Step = "opened" | "spawned" | "cancel-requested" | "draining" | "closing" | "finalizing" | "ended";

/** Numbers of one runtime are foreign to the others. */
let realms = 0;

function compile(): WebAssembly.Module {
  if (compiled) {
    return compiled;
  }
  try {
    const bytes = Uint8Array.from(atob(MODULE), (char) => char.charCodeAt(0));
    return (compiled = new WebAssembly.Module(bytes));
  } catch (cause) {
    const message = "WebAssembly cannot be compiled here; with a Content-Security-Policy allow `wasm-unsafe-eval` in script-src";
    throw new RuntimeError("WasmUnavailable", message, { cause });
  }
}

export class Kernel {
  readonly #host: Host;
  readonly #entries = new Map<number, Entry>();
  readonly #memory: WebAssembly.Memory;
  /** Entries that have no parent. */
  readonly roots = new Set<Entry>();
  /** Hears of every step of every entry. */
  observer: ((step: Step, entry: Entry) => void) | undefined;
  /** The entry whose number the module has not returned yet. */
  #spawning: Entry | undefined;
  #sleeps = 0;
  #trap: unknown;
  #isTrapped = false;
  #closing: Promise<void> | undefined;
  #closed!: () => void;

  constructor(isVirtual: boolean, capacity: number) {
    const trapped = (error: unknown) => this.#poison(error);
    this.#host = isVirtual ? connectVirtual(trapped) : connect(trapped);
    const instance = new WebAssembly.Instance(compile(), { asupersync: { ...this.#host.imports }, tasks: this.#imports() });
    this.#memory = instance.exports["memory"] as WebAssembly.Memory;
    this.#host.attach(instance.exports);
    this.#host.enter("begin", capacity, (realms += 1));
  }

  /** Opens a scope around `run`, in the region of `parent`. */
  open(name: string, parent: Entry | undefined, limit: number, run: (entry: Entry) => unknown): Entry {
    return this.#spawn(new Entry(this, name, SCOPE, parent), run, "open", parent?.id ?? 0, limit);
  }

  spawn(name: string, parent: Entry, kind: number, run: (entry: Entry) => unknown): Entry {
    return this.#spawn(new Entry(this, name, kind, parent), run, "spawn", parent.id, kind);
  }

  #spawn(entry: Entry, run: (entry: Entry) => unknown, how: "open" | "spawn", ...values: number[]): Entry {
    entry.run = () => run(entry);
    const before = this.#spawning;
    this.#spawning = entry;
    try {
      const id = this.call(how, ...values);
      if (entry.id === 0) {
        this.#register(entry, id);
      }
    } finally {
      this.#spawning = before;
    }
    return entry;
  }

  #register(entry: Entry, id: number): void {
    entry.id = id;
    this.#entries.set(id, entry);
    (entry.parent ? (entry.parent.children ??= new Set()) : this.roots).add(entry);
    this.observer?.(entry.kind === SCOPE ? "opened" : "spawned", entry);
  }

  /** The entry of a number; the one under way, if it is not known yet. */
  #find(id: number): Entry | undefined {
    const found = this.#entries.get(id);
    if (found || !this.#spawning || this.#spawning.id !== 0) {
      return found;
    }
    this.#register(this.#spawning, id);
    return this.#spawning;
  }

  /** Calls the module; a refusal is thrown. */
  call(name: Export, ...values: number[]): number {
    if (this.#isTrapped) {
      throw panicked(this.#trap);
    }
    const answer = this.#host.enter(name, ...values);
    if (answer === undefined) {
      throw panicked(this.#trap);
    }
    if (answer < 0) {
      throw refusal(answer);
    }
    return answer;
  }

  /** Asks an entry to stop, since somebody wants it or since another one won; `drain` is negative for the kernel's own time. */
  cancel(entry: Entry, how: "user" | "race-lost", text: string, drain: number): void {
    const bytes = new TextEncoder().encode(text);
    const at = this.call("text", bytes.length);
    new Uint8Array(this.#memory.buffer, at, bytes.length).set(bytes);
    this.call("cancel", entry.id, how === "user" ? 0 : 1, drain);
  }

  /** Settles when the time is over, or is rejected when the entry is asked to stop. */
  sleep(entry: Entry, milliseconds: number): Promise<void> {
    const sleep = (this.#sleeps = (this.#sleeps + 1) >>> 0);
    return new Promise((done, fail) => {
      (entry.sleepers ??= new Map()).set(sleep, { done, fail });
      try {
        this.call("sleep", entry.id, sleep, milliseconds);
      } catch (error) {
        entry.sleepers?.delete(sleep);
        throw error;
      }
    });
  }

  /** The time since the runtime began, in milliseconds. */
  now(): number {
    return this.#host.imports.now();
  }

  /** From 0 to below 1, from the entropy of the host. */
  random(): number {
    return this.#host.imports.random() / 2 ** 32;
  }

  defer(entry: Entry, call: () => unknown): void {
    const deferred = (entry.deferred ??= []);
    deferred.push(call);
    try {
      this.call("defer", entry.id);
    } catch (error) {
      deferred.pop();
      throw error;
    }
  }

  /** Asks everything to stop; settles when all has ended. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve;
      if (this.#isTrapped) {
        resolve();
      } else {
        this.#host.enter("close");
      }
    });
    return this.#closing;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  #imports(): WebAssembly.ModuleImports {
    const text = (at: number, length: number) => new TextDecoder().decode(new Uint8Array(this.#memory.buffer, at, length));
    return {
      start: (id: number) => {
        const entry = this.#find(id);
        if (entry) {
          this.#start(entry);
        }
      },
      abort: (id: number, kind: number, cause: number, at: number, length: number) =>
        this.#find(id)?.abort(cancelInfo(kind, cause, text(at, length))),
      finalize: (id: number) => this.#finalize(id),
      slept: (id: number, sleep: number) => {
        const sleepers = this.#entries.get(id)?.sleepers;
        const sleeper = sleepers?.get(sleep);
        sleepers?.delete(sleep);
        sleeper?.done();
      },
      report: (id: number, ...counts: number[]) => {
        const [ok = 0, failed = 0, cancelled = 0, forced = 0, unpolled = 0, finalized = 0, finalizersForced = 0] = counts;
        const entry = this.#find(id);
        if (entry) {
          entry.report = { ok, failed, cancelled, forced, unpolled, finalized, finalizersForced };
        }
      },
      ended: (id: number, how: number, kind: number, cause: number, at: number, length: number) => {
        const entry = this.#find(id);
        if (entry) {
          this.#ended(entry, how, cancelInfo(kind, cause, text(at, length)));
        }
      },
      closed: () => this.#closed(),
    };
  }

  /** Calls the function in a microtask: never before who spawned it has its handle. */
  #start(entry: Entry): void {
    const settle = (how: number) => {
      if (entry.isEnded || this.#isTrapped) {
        return;
      }
      entry.isSettled = true;
      if (how === 1 && entry.parent && (entry.kind === TASK || entry.kind === BACKGROUND)) {
        // The scope fails with the first error of its tasks, unless it has one of its own.
        this.#failed(entry.parent, entry.error);
      }
      if (entry.children?.size) {
        this.observer?.("closing", entry);
      }
      this.#host.enter("settle", entry.id, how);
    };
    const run = () => {
      const call = entry.run;
      entry.run = undefined;
      if (entry.cancelled) {
        throw entry.cancelled;
      }
      return call?.();
    };
    const failed = (error: unknown) => {
      // Asked to stop, it ends with that, or with the same of something inside that it waited for.
      const isOwn = entry.cancelled !== undefined && (error instanceof CancelledError || isAbort(error));
      if (!isOwn) {
        entry.error = error;
        entry.hasError = true;
      }
      settle(isOwn ? 2 : 1);
    };
    const value = (found: unknown) => {
      entry.value = found;
      settle(0);
    };
    Promise.resolve().then(run).then(value, failed);
  }

  #failed(scope: Entry, error: unknown): void {
    if (!scope.hasError && !scope.isEnded) {
      scope.error = error;
      scope.hasError = true;
    }
  }

  #finalize(id: number): void {
    const entry = this.#entries.get(id);
    const call = entry?.deferred?.pop();
    if (!entry || !call) {
      this.#host.enter("finalized", id);
      return;
    }
    this.observer?.("finalizing", entry);
    const abandoned = entry.finalizer;
    if (abandoned) {
      this.#isForced(entry);
    }
    entry.finalizer = call;
    const done = () => {
      // One that was given up says nothing of the next.
      if (entry.finalizer === call) {
        entry.finalizer = undefined;
        this.#host.enter("finalized", id);
      }
    };
    const failed = (error: unknown) => {
      (entry.suppressed ??= []).push(error);
      done();
    };
    Promise.resolve().then(call).then(done, failed);
  }

  /** Whoever waits for one above is told its name. */
  #isForced(entry: Entry): void {
    const name = entry.path();
    for (let at: Entry | undefined = entry; at; at = at.parent) {
      at.forced?.push(name);
    }
  }

  #ended(entry: Entry, how: number, reason: CancelInfo): void {
    entry.isEnded = true;
    this.#entries.delete(entry.id);
    if ((!entry.isSettled && entry.run === undefined) || entry.finalizer) {
      this.#isForced(entry);
      entry.finalizer = undefined;
    }
    entry.permits?.forEach((permit) => permit.abort());
    entry.failWaits(entry.cancelled ?? new RuntimeError("TaskEnded", `${entry.name} has ended`));
    entry.ending = this.#outcome(entry, how, reason);
    // A forced scope ends before what is inside it: nobody hears of it before that has ended as well.
    for (let at: Entry | undefined = entry; at?.ending && !at.children?.size; at = at.parent) {
      (at.parent?.children ?? this.roots).delete(at);
      this.observer?.("ended", at);
      at.end(at.ending);
    }
  }

  #outcome(entry: Entry, how: number, reason: CancelInfo): Outcome<unknown> {
    const suppressed = entry.suppressed && { suppressed: entry.suppressed };
    switch (how) {
      case 0:
        return { kind: "ok", value: entry.value, ...suppressed };
      case 1:
        return { kind: "err", error: entry.error, ...suppressed };
      case 3:
        return { kind: "panicked", error: panicked(undefined), ...suppressed };
      case 4:
        // A background task, whose own account is the only one.
        if (entry.hasError) {
          return { kind: "err", error: entry.error, ...suppressed };
        }
        if (entry.isSettled && !entry.cancelled) {
          return { kind: "ok", value: entry.value, ...suppressed };
        }
        return { kind: "cancelled", reason: entry.cancelled?.reason ?? reason, ...suppressed };
      default:
        return { kind: "cancelled", reason, ...suppressed };
    }
  }

  /** The module has panicked: what was under way is told so, and nobody waits for ever. */
  #poison(error: unknown): void {
    this.#isTrapped = true;
    this.#trap = error;
    const reason: CancelInfo = { kind: "poisoned", origin: "poisoned", message: "the module of this runtime has panicked" };
    for (const entry of [...this.#entries.values()]) {
      entry.abort(reason);
      this.#ended(entry, 2, reason);
    }
    this.#closed?.();
  }
}

/** Platform calls that were given the signal reject with its reason, or, in WebKit, with an `AbortError` of their own. */
function isAbort(error: unknown): boolean {
  return typeof DOMException === "function" && error instanceof DOMException && error.name === "AbortError";
}
