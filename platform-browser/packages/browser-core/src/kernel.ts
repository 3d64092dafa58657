// One instance of the module: its imports and exports, and the functions behind its numbers.
//
// Owns what the module cannot hold: functions, values, errors, signals. When something runs, is asked to stop, or has ended,
// the module says; nothing of that is decided here.

import { isA, isAbort } from "./foreign.js";
import { connect, type Host, type InstancePoisoned } from "./host.mjs";
import { BACKGROUND, Entry, SCOPE, Siblings, Sleeper, TASK } from "./entry.js";
import { cancelInfo, CancelledError, refusal, type CancelInfo } from "./errors.js";
import type { Io } from "./io.js";
import { instantiate } from "./load.js";
import { letGo, PanicError, panicInfo, POISONED, poisoned, reportPanic } from "./panic.js";
import { Draws, Steps } from "./steps.js";
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
/** What of a number is an index. */
const INDEX = (1 << 24) - 1;

/** What happens to an entry, as a trace tells it. */
export type Step = "opened" | "spawned" | "cancel-requested" | "draining" | "closing" | "finalizing" | "ended";

/** Numbers of one runtime are foreign to the others. */
let realms = 0;

export class Kernel {
  readonly module: WebAssembly.Module;
  /** What its tasks may ask the host for. */
  readonly io: Io;
  readonly #host: Host;
  /** By the index in their number. */
  readonly #entries: (Entry | undefined)[] = [];
  readonly steps: Steps | undefined;
  readonly #draws: Draws | undefined;
  #memory: WebAssembly.Memory | undefined;
  readonly #onPanic: (error: PanicError) => void;
  /** Entries that have no parent. */
  readonly roots = new Siblings();
  /** Hears of every step of every entry. */
  observer: ((step: Step, entry: Entry) => void) | undefined;
  /** The entry whose number the module has not returned yet. */
  #spawning: Entry | undefined;
  #sleeps = 0;
  /** Whose code it was that has panicked last. */
  #panicking: Entry | undefined;
  /** Why the instance is gone. */
  #panic: PanicError | undefined;
  #closing: Promise<void> | undefined;
  #closed!: () => void;

  /** `seed`: whose functions take turns as it has it; without one they go on as the module says. */
  constructor(
    module: WebAssembly.Module, isVirtual: boolean, capacity: number, seed?: number, io: Io = {}, onPanic: (error: PanicError) => void = reportPanic,
  ) {
    this.module = module;
    this.io = io;
    this.#onPanic = onPanic;
    const trapped = (error: InstancePoisoned) => this.#poison(error);
    this.steps = seed === undefined ? undefined : new Steps(seed);
    this.#draws = isVirtual ? new Draws(~(seed ?? 0)) : undefined;
    this.#host = isVirtual ? connectVirtual(trapped, () => this.steps?.isIdle ?? true) : connect(trapped);
    const instance = instantiate(module, { asupersync: { ...this.#host.imports }, tasks: this.#imports() });
    this.#memory = instance.exports["memory"] as WebAssembly.Memory;
    this.#host.attach(instance.exports);
    this.#host.enter("begin", capacity, (realms += 1));
    if (this.#panic) {
      throw poisoned(this.#panic);
    }
    io.begin?.();
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
    this.#entries[id & INDEX] = entry;
    (entry.parent?.children ?? this.roots).add(entry);
    this.observer?.(entry.kind === SCOPE ? "opened" : "spawned", entry);
  }

  #known(id: number): Entry | undefined {
    const entry = this.#entries[id & INDEX];
    return entry?.id === id ? entry : undefined;
  }

  /** The entry of a number; the one under way, if it is not known yet. */
  #find(id: number): Entry | undefined {
    const found = this.#known(id);
    if (found || !this.#spawning || this.#spawning.id !== 0) {
      return found;
    }
    this.#register(this.#spawning, id);
    return this.#spawning;
  }

  /** Calls the module; a refusal is thrown. */
  call(name: Export, ...values: number[]): number {
    this.checkAlive();
    const answer = this.#host.enter(name, ...values);
    if (answer === undefined) {
      throw poisoned(this.#panic);
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
    new Uint8Array(this.#memory!.buffer, at, bytes.length).set(bytes);
    this.call("cancel", entry.id, how === "user" ? 0 : 1, drain);
    if (entry.run && !entry.cancelled) {
      // It was not called yet, and never is: what waits in its place ends at the word of the module, which may come late.
      entry.run = () => new Promise((_, failed) => entry.addWait({ fail: (error) => this.resume(entry, () => failed(error)) }));
    }
  }

  /** Settles when the time is over, or is rejected when the entry is asked to stop. */
  sleep(entry: Entry, milliseconds: number): Promise<void> {
    this.steps?.pause();
    const sleep = (this.#sleeps = (this.#sleeps + 1) >>> 0);
    return new Promise((done, failed) => {
      const wait = new Sleeper(entry, sleep, done, failed);
      entry.addWait(wait);
      try {
        this.call("sleep", entry.id, sleep, milliseconds);
      } catch (error) {
        entry.removeWait(wait);
        throw error;
      }
    });
  }

  /** Milliseconds: of the host's clock, or of virtual time. */
  now(): number {
    return this.#host.imports.now();
  }

  /** From 0 to below 1: from the entropy of the host, or of the seed. */
  random(): number {
    return (this.#draws ? this.#draws.next() : this.#host.imports.random()) / 2 ** 32;
  }

  /** Lets a function go on: now, or when it is drawn. */
  resume(entry: Entry, go: () => void): void {
    if (!this.steps) {
      go();
      return;
    }
    entry.awaited += 1;
    this.steps.add(entry, () => {
      entry.awaited -= 1;
      go();
    });
  }

  /** A promise of ours that a function waits for. */
  after<T>(promise: Promise<T>): Promise<T> {
    const entry = this.steps?.pause();
    if (!entry) {
      return promise;
    }
    entry.awaited += 1;
    const turn = () => {
      entry.awaited -= 1;
      return new Promise<void>((go) => this.resume(entry, go));
    };
    return promise.then((value) => turn().then(() => value), (error) => turn().then(() => Promise.reject(error)));
  }

  /** Under a seed a function that need not wait lets others go first, as the draw has it. */
  turn(entry: Entry): Promise<void> | undefined {
    if (!this.steps) {
      return undefined;
    }
    this.steps.pause();
    return new Promise((go) => this.resume(entry, go));
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

  /** Throws if the instance is gone. */
  checkAlive(): void {
    if (this.#panic) {
      throw poisoned(this.#panic);
    }
  }

  get isPoisoned(): boolean {
    return this.#panic !== undefined;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  #imports(): WebAssembly.ModuleImports {
    const decoder = new TextDecoder();
    const reason = (kind: number, cause: number, at: number, length: number) =>
      cancelInfo(kind, cause, decoder.decode(new Uint8Array(this.#memory!.buffer, at, length)));
    return {
      start: (id: number) => {
        const entry = this.#find(id);
        if (entry) {
          void this.#start(entry);
        }
      },
      abort: (id: number, kind: number, cause: number, at: number, length: number) => {
        this.#find(id)?.abort(reason(kind, cause, at, length));
        this.#goOn();
      },
      panicking: (id: number) => {
        // 0 is nobody's code, also while somebody is being spawned.
        const entry = id === 0 ? undefined : this.#find(id);
        this.#panicking = entry;
        if (entry) {
          entry.panic = panicOf(entry, this.#host.panic(), undefined);
        }
      },
      finalize: (id: number) => this.#finalize(id),
      slept: (id: number, sleep: number) => this.#known(id)?.slept(sleep),
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
          this.#ended(entry, how, () => reason(kind, cause, at, length));
          this.#goOn();
        }
      },
      closed: () => this.#closed(),
    };
  }

  /** Calls the function in a microtask: never before who spawned it has its handle. */
  async #start(entry: Entry): Promise<void> {
    await this.#begun(entry);
    const { run } = entry;
    entry.run = undefined;
    let how = 0;
    try {
      if (entry.cancelled) {
        throw entry.cancelled;
      }
      entry.value = await run?.();
    } catch (error) {
      // Asked to stop, it ends with that, or with the same of something inside that it waited for.
      const isOwn = entry.cancelled !== undefined && (isA(error, CancelledError) || isAbort(error));
      how = isOwn ? 2 : 1;
      if (!isOwn && !entry.isEnded) {
        entry.error = error;
        entry.hasError = true;
      }
    }
    this.#settled(entry, how);
  }

  /** Nothing, or the turn of a function that is to begin. */
  #begun(entry: Entry): Promise<void> | undefined {
    return this.steps && new Promise((go) => this.resume(entry, go));
  }

  /** The promise of a function has settled. */
  #settled(entry: Entry, how: number): void {
    this.steps?.end(entry);
    if (entry.isEnded || this.#panic) {
      return;
    }
    entry.isSettled = true;
    if (how === 1 && entry.parent && (entry.kind === TASK || entry.kind === BACKGROUND)) {
      // The scope fails with the first error of its tasks, unless it has one of its own.
      this.#failed(entry.parent, entry.error);
    }
    if (entry.children.first) {
      this.observer?.("closing", entry);
    }
    this.#host.enter("settle", entry.id, how);
  }

  #failed(scope: Entry, error: unknown): void {
    if (!scope.hasError && !scope.isEnded) {
      scope.error = error;
      scope.hasError = true;
    }
  }

  #finalize(id: number): void {
    const entry = this.#known(id);
    const call = entry?.deferred?.pop();
    if (!entry || !call) {
      this.#finalized(id);
      return;
    }
    this.observer?.("finalizing", entry);
    entry.wasForced ||= entry.finalizer !== undefined;
    entry.finalizer = call;
    const done = () => {
      // One that was given up says nothing of the next.
      if (entry.finalizer === call) {
        entry.finalizer = undefined;
        this.#finalized(id);
      }
    };
    const failed = (error: unknown) => {
      (entry.suppressed ??= []).push(error);
      done();
    };
    const ended = (settle: () => void) => {
      this.steps?.end(entry);
      settle();
    };
    Promise.resolve(this.#begun(entry)).then(call).then(() => ended(done), (error) => ended(() => failed(error)));
  }

  #finalized(id: number): void {
    if (!this.#panic) {
      this.#host.enter("finalized", id);
    }
  }

  /** Ends the frames of the module around a listener that has called in and found a panic: what listeners throw goes nowhere. */
  #goOn(): void {
    if (this.#panic) {
      throw this.#panic;
    }
  }

  #ended(entry: Entry, how: number, reason: () => CancelInfo): void {
    if ((how === 2 || how === 3) && !entry.isSettled && !entry.cancelled) {
      // It was given up before it could be told.
      entry.abort(reason());
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
    entry.isEnded = true;
    this.#entries[entry.id & INDEX] = undefined;
    if ((!entry.isSettled && entry.run === undefined) || entry.finalizer) {
      // A panic ends who would have ended by itself.
      entry.wasForced ||= how !== 3 && !this.#panic;
      entry.finalizer = undefined;
    }
    entry.permits?.forEach((permit) => permit.abort());
    entry.failWaits();
    entry.ending = outcomeOf(entry, how, reason);
    // A forced scope ends before what is inside it: nobody hears of it before that has ended as well.
    for (let at: Entry | undefined = entry; at?.ending && !at.children.first; at = at.parent) {
      (at.parent?.children ?? this.roots).remove(at);
      if (at.wasForced) {
        at.addItself();
      }
      if (at.stuck) {
        at.parent?.addStuck(at.stuck);
      }
      this.observer?.("ended", at);
      at.end(at.ending);
    }
  }

  /**
   * The instance is gone. Nothing of it runs any more, so all that is left is done here: everything that waits is settled,
   * everything that is open is closed, and what was deferred is called.
   */
  #poison(error: InstancePoisoned): void {
    // What was said may be of a panic that was caught long ago.
    const culprit = error.panic && this.#panicking;
    const panic = culprit?.panic ?? panicOf(undefined, error.panic, error.cause);
    this.#panic = panic;
    letGo(panic, error, error.cause);
    this.#memory = undefined;
    const entries = this.#entries.filter((entry) => entry !== undefined);
    for (const entry of entries) {
      entry.abort(POISONED);
      this.#ended(entry, entry === culprit ? 3 : 2, () => POISONED);
    }
    void this.io.end?.(new CancelledError(POISONED));
    this.#closed?.();
    // A macrotask later, so that functions that end when they are asked to have ended.
    setTimeout(() => entries.reverse().forEach((entry) => void this.#cleanUp(entry)));
    this.#onPanic(panic);
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

function panicOf(entry: Entry | undefined, said: InstancePoisoned["panic"], trap: unknown): PanicError {
  return new PanicError(panicInfo(said, trap, entry?.path(), entry?.parent?.path()), { cause: trap });
}

/** How an entry ended, in the words of `ended`; `reason` is asked only where there is one. */
function outcomeOf(entry: Entry, how: number, reason: () => CancelInfo): Outcome<unknown> {
  const suppressed = entry.suppressed && { suppressed: entry.suppressed };
  // A background task, whose own account is the only one.
  const told = how !== 4 ? how : entry.hasError ? 1 : entry.isSettled && !entry.cancelled ? 0 : 2;
  switch (told) {
    case 0:
      return { kind: "ok", value: entry.value, ...suppressed };
    case 1:
      return { kind: "err", error: entry.error, ...suppressed };
    case 3:
      return { kind: "panicked", error: entry.panic ?? panicOf(entry, undefined, reason().message), ...suppressed };
    default:
      return { kind: "cancelled", reason: how === 4 && entry.cancelled ? entry.cancelled.reason : reason(), ...suppressed };
  }
}
