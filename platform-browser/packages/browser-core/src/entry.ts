// A function from its spawn to its end, as JavaScript keeps it: the half of a kernel task that wasm cannot hold.

import { cancelledBy, RuntimeError, type CancelInfo, type CancelledError } from "./errors.js";
import type { Owner } from "./io.js";
import { POISONED, type PanicError } from "./panic.js";
import type { Kernel, Outcome, ScopeReport } from "./kernel.js";

/** What a function is spawned as, in the numbers of the module's `spawn`; a scope is opened. */
export const TASK = 0;
export const BACKGROUND = 1;
/** Its error is for who waits for it, not for its scope. */
export const CONTAINED = 2;
export const SCOPE = 3;

/** How many paths of those that did not end a scope keeps. */
const STUCK_MAX = 1000;

/** Something that an entry waits for, to be given up when it is asked to stop. */
export interface Wait {
  fail(error: RuntimeError): void;
  /** The number of a sleep, in the module's `slept`. */
  readonly sleep?: number;
}

/** A sleep under way. */
export class Sleeper implements Wait {
  readonly #entry: Entry;
  readonly sleep: number;
  readonly #done: () => void;
  readonly #failed: (error: RuntimeError) => void;

  constructor(entry: Entry, sleep: number, done: () => void, failed: (error: RuntimeError) => void) {
    this.#entry = entry;
    this.sleep = sleep;
    this.#done = done;
    this.#failed = failed;
  }

  done(): void {
    this.#entry.kernel.resume(this.#entry, this.#done);
  }

  fail(error: RuntimeError): void {
    this.#entry.kernel.resume(this.#entry, () => this.#failed(error));
  }
}

/** Entries side by side, in the order in which they were spawned; linked, since there are many and each goes soon. */
export class Siblings {
  first: Entry | undefined;
  last: Entry | undefined;

  add(entry: Entry): void {
    entry.before = this.last;
    if (this.last) {
      this.last.after = entry;
    } else {
      this.first = entry;
    }
    this.last = entry;
  }

  remove(entry: Entry): void {
    const { before, after } = entry;
    if (before) {
      before.after = after;
    } else {
      this.first = after;
    }
    if (after) {
      after.before = before;
    } else {
      this.last = before;
    }
    entry.before = entry.after = undefined;
  }
}

export class Entry {
  readonly kernel: Kernel;
  readonly name: string;
  readonly kind: number;
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
  /** The module has forgotten it; nothing of it runs any more. */
  isEnded = false;
  deferred: (() => unknown)[] | undefined;
  /** The deferred function that is waited for. */
  finalizer: (() => unknown) | undefined;
  suppressed: unknown[] | undefined;
  /** The panic of its code, or of a task in it. */
  panic: PanicError | undefined;
  /** Those inside it that have not ended. */
  readonly children = new Siblings();
  before: Entry | undefined;
  after: Entry | undefined;
  /** Places in channels that it holds. */
  permits: Set<{ abort(): void }> | undefined;
  /** The paths of it and those below that did not end by themselves: the innermost, since who is around them waited. */
  stuck: string[] | undefined;
  /** It, or what it deferred, was given up. */
  wasForced = false;
  /** How many there were when it was asked to stop. */
  #stuckBefore = 0;
  report: ScopeReport | undefined;
  /** Of what it has open, once it has opened something. */
  owner: Owner | undefined;
  /** How it ended, told when all below has ended too. */
  ending: Outcome<unknown> | undefined;
  #outcome: Promise<Outcome<unknown>> | undefined;
  #tell: ((outcome: Outcome<unknown>) => void) | undefined;
  /** It was told how it ended. */
  #isOver = false;
  /** How many promises of the runtime it waits for, and steps that it is to go on with; counted under a seed only. */
  awaited = 0;
  /** Nearly always there is one at most. */
  #wait: Wait | undefined;
  #waits: Set<Wait> | undefined;

  constructor(kernel: Kernel, name: string, kind: number, parent: Entry | undefined) {
    this.kernel = kernel;
    this.name = name;
    this.kind = kind;
    this.parent = parent;
  }

  /** How it ended, when it and all below it has, for a program that waits for it. */
  get outcome(): Promise<Outcome<unknown>> {
    return this.kernel.after(this.over);
  }

  /** The same, for us; made when somebody asks, since nobody may. */
  get over(): Promise<Outcome<unknown>> {
    this.#outcome ??= this.#isOver && this.ending
      ? Promise.resolve(this.ending)
      : new Promise((resolve) => (this.#tell = resolve));
    return this.#outcome;
  }

  /** It and all below it has ended. */
  end(outcome: Outcome<unknown>): void {
    this.#isOver = true;
    this.#tell?.(outcome);
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
    this.cancelled = cancelledBy(reason);
    this.#stuckBefore = this.stuck?.length ?? 0;
    this.kernel.observer?.("cancel-requested", this);
    this.failWaits();
    this.controller?.abort(this.cancelled);
    if (this.run === undefined && !this.isSettled) {
      this.kernel.observer?.("draining", this);
    }
  }

  /** It waits for the runtime. */
  get isWaiting(): boolean {
    return this.awaited + (this.#waits?.size ?? 0) > 0 || this.#wait !== undefined;
  }

  /** It did not end by itself; told once all below has ended, who may be the cause. */
  addItself(): void {
    if ((this.stuck?.length ?? 0) === this.#stuckBefore) {
      this.addStuck([this.path()]);
    }
  }

  addStuck(paths: readonly string[]): void {
    const stuck = (this.stuck ??= []);
    stuck.push(...paths.slice(0, STUCK_MAX - stuck.length));
  }

  addWait(wait: Wait): void {
    if (this.#wait === undefined) {
      this.#wait = wait;
    } else {
      (this.#waits ??= new Set()).add(wait);
    }
  }

  removeWait(wait: Wait): void {
    if (this.#wait === wait) {
      this.#wait = undefined;
    } else {
      this.#waits?.delete(wait);
    }
  }

  /** The sleep of this number is over. */
  slept(sleep: number): void {
    let wait = this.#wait;
    if (wait?.sleep !== sleep) {
      wait = [...(this.#waits ?? [])].find((one) => one.sleep === sleep);
    }
    if (wait instanceof Sleeper) {
      this.removeWait(wait);
      wait.done();
    }
  }

  /** Gives up what it waits for, since it was asked to stop or has ended. */
  failWaits(): void {
    const wait = this.#wait;
    const waits = this.#waits;
    if (!wait && !waits) {
      return;
    }
    this.#wait = this.#waits = undefined;
    const error = this.cancelled ?? new RuntimeError("TaskEnded", `${this.name} has ended`);
    wait?.fail(error);
    waits?.forEach((one) => one.fail(error));
  }

  /** Settles as `promise` does, or is rejected when the entry is asked to stop. */
  until<T>(promise: Promise<T>): Promise<T> {
    this.kernel.steps?.pause();
    return new Promise((resolve, reject) => {
      const wait = { fail: (error: unknown) => this.kernel.resume(this, () => reject(error)) };
      this.addWait(wait);
      const done = (go: () => void) => {
        this.removeWait(wait);
        this.kernel.resume(this, go);
      };
      promise.then((value) => done(() => resolve(value)), (error) => done(() => reject(error)));
    });
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
