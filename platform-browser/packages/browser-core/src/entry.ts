// A function from its spawn to its end, as JavaScript keeps it: the half of a kernel task that wasm cannot hold.

import { CancelledError, RuntimeError, type CancelInfo } from "./errors.js";
import type { Kernel, Outcome, ScopeReport } from "./kernel.js";

/** What a function is spawned as, in the numbers of the module's `spawn`; a scope is opened. */
export const TASK = 0;
export const BACKGROUND = 1;
/** Its error is for who waits for it, not for its scope. */
export const CONTAINED = 2;
export const SCOPE = 3;

/** Something that an entry waits for, to be given up when it is asked to stop. */
export interface Wait {
  fail(error: RuntimeError): void;
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
  sleepers: Map<number, { done: () => void; fail: (error: RuntimeError) => void }> | undefined;
  children: Set<Entry> | undefined;
  /** Places in channels that it holds. */
  permits: Set<{ abort(): void }> | undefined;
  /** Names of those below that were forced, while somebody waits for them. */
  forced: string[] | undefined;
  report: ScopeReport | undefined;
  /** How it ended, told when all below has ended too. */
  ending: Outcome<unknown> | undefined;
  readonly outcome: Promise<Outcome<unknown>>;
  end!: (outcome: Outcome<unknown>) => void;
  /** Nearly always there is one at most. */
  #wait: Wait | undefined;
  #waits: Set<Wait> | undefined;

  constructor(kernel: Kernel, name: string, kind: number, parent: Entry | undefined) {
    this.kernel = kernel;
    this.name = name;
    this.kind = kind;
    this.parent = parent;
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
    if (this.isEnded || this.isSettled) {
      throw new RuntimeError("TaskEnded", `${this.name} has ended: await what it starts before it returns`);
    }
    if (this.cancelled) {
      throw this.cancelled;
    }
  }

  abort(reason: CancelInfo): void {
    this.cancelled = new CancelledError(reason);
    this.kernel.observer?.("cancel-requested", this);
    this.failWaits(this.cancelled);
    this.controller?.abort(this.cancelled);
    if (this.run === undefined && !this.isSettled) {
      this.kernel.observer?.("draining", this);
    }
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

  failWaits(error: RuntimeError): void {
    const [sleepers, wait, waits] = [this.sleepers, this.#wait, this.#waits];
    this.sleepers = this.#wait = this.#waits = undefined;
    sleepers?.forEach((sleeper) => sleeper.fail(error));
    wait?.fail(error);
    waits?.forEach((one) => one.fail(error));
  }

  /** Settles as `promise` does, or is rejected when the entry is asked to stop. */
  until<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, fail) => {
      const wait = { fail };
      this.addWait(wait);
      const done = () => this.removeWait(wait);
      promise.then((value) => (done(), resolve(value)), (error) => (done(), fail(error)));
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
