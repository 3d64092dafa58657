// One instance of the module: its imports and exports, and the functions behind its numbers.
//
// Owns what the module cannot hold: functions, values, errors, signals. When something runs, is asked to stop, or has ended,
// the module says; nothing of that is decided here.

import { isA, isAbort } from "./foreign.js";
import { connect, type Host, type InstancePoisoned } from "./host.mjs";
import { cancelInfo, CancelledError, refusal, RuntimeError, type CancelInfo } from "./errors.js";
import { MODULE } from "./module.js";
import { Ledger, letGo, PanicError, panicInfo, POISONED, poisoned, reportPanic } from "./panic.js";
import { connectVirtual } from "./virtual.js";

/** How a task ended. `suppressed`: what its deferred functions threw. */
export type Outcome<T> = (
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "err"; readonly error: unknown }
  | { readonly kind: "cancelled"; readonly reason: CancelInfo }
  | { readonly kind: "panicked"; readonly error: PanicError }
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
type Sleeper = { done: () => void; failed: (error: RuntimeError) => void };

/** A function from its spawn to its end. */
export class Entry {
  readonly kernel: Kernel;
  readonly name: string;
  readonly parent: Entry | undefined;
  run: (() => unknown) | undefined;
  id = 0;
  /** Why it was asked to stop, as it is thrown. */
  cancelled: CancelledError | undefined;
  controller: AbortController | undefined;
  value: unknown;
  error: unknown;
  hasError = false;
  /** The promise of the function has settled. */
  isSettled = false;
  isEnded = false;
  deferred: (() => unknown)[] | undefined;
  suppressed: unknown[] | undefined;
  /** The panic of its code, or of a task in it. */
  panic: PanicError | undefined;
  sleepers: Map<number, Sleeper> | undefined;
  children: Set<Entry> | undefined;
  /** Names of those below that were forced, while somebody waits for them. */
  forced: string[] | undefined;
  report: ScopeReport | undefined;
  readonly outcome: Promise<Outcome<unknown>>;
  end!: (outcome: Outcome<unknown>) => void;

  constructor(kernel: Kernel, name: string, parent: Entry | undefined, run: () => unknown) {
    this.kernel = kernel;
    this.name = name;
    this.parent = parent;
    this.run = run;
    this.outcome = new Promise((resolve) => (this.end = resolve));
  }

  /** The names from the outermost scope to this. */
  path(): string {
    const names: string[] = [];
    for (let entry: Entry | undefined = this; entry; entry = entry.parent) {
      names.push(entry.name);
    }
    return names.reverse().join("/");
  }

  /** Throws if the function is not to go on. */
  check(): void {
    if ((this.isEnded || this.isSettled) && this.cancelled?.reason !== POISONED) {
      throw new RuntimeError("TaskEnded", `${this.name} has ended: await what it starts before it returns`);
    }
    if (this.cancelled) {
      throw this.cancelled;
    }
  }

  abort(reason: CancelInfo): void {
    this.cancelled = new CancelledError(reason);
    this.failSleepers(this.cancelled);
    this.controller?.abort(this.cancelled);
  }

  failSleepers(error: RuntimeError): void {
    const sleepers = this.sleepers;
    this.sleepers = undefined;
    sleepers?.forEach((sleeper) => sleeper.failed(error));
  }

  signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.cancelled) {
        this.controller.abort(this.cancelled);
      }
    }
    return this.controller.signal;
  }
}

let compiled: WebAssembly.Module | undefined;
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
  readonly #sleepers = new Map<number, () => void>();
  #memory: WebAssembly.Memory | undefined;
  readonly #onPanic: (error: PanicError) => void;
  /** What else is open for this instance: sockets, readers, timers of its own. */
  readonly ledger = new Ledger();
  /** The entry whose number the module has not returned yet. */
  #spawning: Entry | undefined;
  #sleeps = 0;
  /** Whose code it was that has panicked last. */
  #panicking: Entry | undefined;
  /** Why the instance is gone. */
  #panic: PanicError | undefined;
  #closing: Promise<void> | undefined;
  #closed!: () => void;

  constructor(isVirtual: boolean, capacity: number, onPanic: (error: PanicError) => void) {
    this.#onPanic = onPanic;
    const trapped = (error: InstancePoisoned) => this.#poison(error);
    this.#host = isVirtual ? connectVirtual(trapped) : connect(trapped);
    const instance = new WebAssembly.Instance(compile(), { asupersync: { ...this.#host.imports }, tasks: this.#imports() });
    this.#memory = instance.exports["memory"] as WebAssembly.Memory;
    this.#host.attach(instance.exports);
    this.#host.enter("begin", capacity, (realms += 1));
    if (this.#panic) {
      throw poisoned(this.#panic);
    }
  }

  /** Opens a scope around `run`, in the region of `parent`. */
  open(name: string, parent: Entry | undefined, limit: number, run: (entry: Entry) => unknown): Entry {
    return this.#spawn(name, parent, run, "open", parent?.id ?? 0, limit);
  }

  spawn(name: string, parent: Entry, isBackground: boolean, run: (entry: Entry) => unknown): Entry {
    return this.#spawn(name, parent, run, "spawn", parent.id, isBackground ? 1 : 0);
  }

  #spawn(name: string, parent: Entry | undefined, run: (entry: Entry) => unknown, how: "open" | "spawn", ...values: number[]): Entry {
    const entry: Entry = new Entry(this, name, parent, () => run(entry));
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
    if (entry.parent) {
      (entry.parent.children ??= new Set()).add(entry);
    }
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
    if (this.#panic) {
      throw poisoned(this.#panic);
    }
    const answer = this.#host.enter(name, ...values);
    if (answer === undefined) {
      throw poisoned(this.#panic);
    }
    if (answer < 0) {
      throw refusal(answer);
    }
    return answer;
  }

  cancel(entry: Entry, kind: string, message: string): void {
    const bytes = new TextEncoder().encode(`${kind}: ${message}`);
    const at = this.call("text", bytes.length);
    new Uint8Array(this.#memory!.buffer, at, bytes.length).set(bytes);
    this.call("cancel", entry.id);
    if (entry.run && !entry.cancelled) {
      // It was not called yet, and never is: what waits in its place ends at the word of the module, which may come late.
      entry.run = () => new Promise((done, failed) => void (entry.sleepers ??= new Map()).set(0, { done: () => done(0), failed }));
    }
  }

  /** Settles when the time is over; for an entry it is rejected when that is asked to stop. */
  sleep(entry: Entry | undefined, milliseconds: number): Promise<void> {
    const sleep = (this.#sleeps = (this.#sleeps + 1) >>> 0);
    return new Promise((done, failed) => {
      if (entry) {
        (entry.sleepers ??= new Map()).set(sleep, { done, failed });
      } else {
        this.#sleepers.set(sleep, done);
      }
      try {
        this.call("sleep", entry?.id ?? 0, sleep, milliseconds);
      } catch (error) {
        entry?.sleepers?.delete(sleep);
        this.#sleepers.delete(sleep);
        throw error;
      }
    });
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
      if (this.#panic) {
        resolve();
      } else {
        this.#host.enter("close");
      }
    });
    return this.#closing;
  }

  get isPoisoned(): boolean {
    return this.#panic !== undefined;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  #imports(): WebAssembly.ModuleImports {
    const text = (at: number, length: number) => new TextDecoder().decode(new Uint8Array(this.#memory!.buffer, at, length));
    return {
      start: (id: number) => {
        const entry = this.#find(id);
        if (entry) {
          this.#start(entry);
        }
      },
      abort: (id: number, kind: number, cause: number, at: number, length: number) => {
        this.#find(id)?.abort(cancelInfo(kind, cause, text(at, length)));
        this.#goOn();
      },
      panicking: (id: number) => {
        const entry = this.#find(id);
        this.#panicking = entry;
        if (entry) {
          entry.panic = this.#panicOf(entry, this.#host.panic(), undefined);
        }
      },
      finalize: (id: number) => this.#finalize(id),
      slept: (id: number, sleep: number) => {
        const sleepers = this.#entries.get(id)?.sleepers;
        const sleeper = id === 0 ? this.#sleepers.get(sleep) : sleepers?.get(sleep)?.done;
        (id === 0 ? this.#sleepers : sleepers)?.delete(sleep);
        sleeper?.();
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
          this.#goOn();
        }
      },
      closed: () => this.#closed(),
    };
  }

  /** Calls the function in a microtask: never before who spawned it has its handle. */
  #start(entry: Entry): void {
    const settle = (how: number) => {
      if (entry.isEnded || this.#panic) {
        return;
      }
      entry.isSettled = true;
      if (how === 1 && entry.parent) {
        // The scope fails with the first error of its tasks, unless it has one of its own.
        this.#failed(entry.parent, entry.error);
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
      const isOwn = entry.cancelled !== undefined && (isA(error, CancelledError) || isAbort(error));
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
    const done = () => void (this.#panic || this.#host.enter("finalized", id));
    const failed = (error: unknown) => {
      if (entry) {
        (entry.suppressed ??= []).push(error);
      }
      done();
    };
    Promise.resolve().then(call).then(done, failed);
  }

  /** Ends the frames of the module around a listener that has called in and found a panic: what listeners throw goes nowhere. */
  #goOn(): void {
    if (this.#panic) {
      throw this.#panic;
    }
  }

  #ended(entry: Entry, how: number, reason: CancelInfo): void {
    if (how >= 2 && !entry.isSettled && !entry.cancelled) {
      // It was given up before it could be told.
      entry.abort(reason);
    }
    entry.isEnded = true;
    this.#entries.delete(entry.id);
    entry.parent?.children?.delete(entry);
    if (!entry.isSettled && entry.run === undefined) {
      const name = entry.path();
      for (let at: Entry | undefined = entry; at; at = at.parent) {
        at.forced?.push(name);
      }
    }
    if (how === 3) {
      if (entry.parent) {
        entry.parent.panic ??= entry.panic;
      }
      if (!this.#panic) {
        // What was deferred so shortly before the panic that the module has not heard of it.
        void this.#cleanUp(entry);
      }
    }
    entry.failSleepers(entry.cancelled ?? new RuntimeError("TaskEnded", `${entry.name} has ended`));
    entry.end(this.#outcome(entry, how, reason));
  }

  #outcome(entry: Entry, how: number, reason: CancelInfo): Outcome<unknown> {
    const suppressed = entry.suppressed && { suppressed: entry.suppressed };
    switch (how) {
      case 0:
        return { kind: "ok", value: entry.value, ...suppressed };
      case 1:
        return { kind: "err", error: entry.error, ...suppressed };
      case 3:
        return { kind: "panicked", error: entry.panic ?? this.#panicOf(entry, undefined, reason.message), ...suppressed };
      default:
        return { kind: "cancelled", reason, ...suppressed };
    }
  }

  #panicOf(entry: Entry | undefined, said: InstancePoisoned["panic"], trap: unknown): PanicError {
    return new PanicError(panicInfo(said, trap, entry?.path(), entry?.parent?.path()), { cause: trap });
  }

  /**
   * The instance is gone. Nothing of it runs any more, so all that is left is done here: everything that waits is settled,
   * everything that is open is closed, and what was deferred is called.
   */
  #poison(error: InstancePoisoned): void {
    // What was said may be of a panic that was caught long ago.
    const culprit = error.panic && this.#panicking;
    const panic = culprit?.panic ?? this.#panicOf(undefined, error.panic, error.cause);
    this.#panic = panic;
    letGo(panic, error, error.cause);
    this.#memory = undefined;
    const entries = [...this.#entries.values()];
    for (const entry of entries) {
      entry.abort(POISONED);
      this.#ended(entry, entry === culprit ? 3 : 2, POISONED);
    }
    this.#sleepers.forEach((done) => done());
    this.#sleepers.clear();
    const thrown = this.ledger.closeAll();
    this.#closed?.();
    // A macrotask later, so that functions that end when they are asked to have ended.
    setTimeout(() => entries.reverse().forEach((entry) => void this.#cleanUp(entry)));
    this.#onPanic(panic);
    thrown.forEach((error) => reportPanic(error));
  }

  /** Calls what was deferred, without the module; what is thrown is nobody's any more. */
  async #cleanUp(entry: Entry): Promise<void> {
    // Nobody's code runs below a call of the module.
    await undefined;
    for (let call = entry.deferred?.pop(); call; call = entry.deferred?.pop()) {
      try {
        await call();
      } catch (error) {
        reportPanic(error);
      }
    }
  }
}
