// Contexts: what a function does everything through that is to end with it, and scopes, which take tasks in.

import { checkCall, checkFunction, checkName, checkOptions, checkSignal, checkTime } from "./check.js";
import { BACKGROUND, TASK, type Entry } from "./entry.js";
import { invalid, refusal, RuntimeError } from "./errors.js";
import { textOf } from "./foreign.js";
import { IoContext } from "./io.js";
import type { Kernel, Outcome, ScopeReport } from "./kernel.js";
import { onAbort } from "./links.js";
import { all, any, latest, race, settle, type AnyOf, type RaceOptions } from "./race.js";
import { retry, type RetryPolicy } from "./retry.js";
import { cancelEntry, checkDrain, Task, unwrap, type CancelOptions, type CancelReport, type CancelRequest } from "./task.js";
import type { CancelTokenHandle } from "./token.js";

/** How a scope is opened. */
export interface ScopeOptions {
  /** Cancels the scope when it is aborted. */
  readonly signal?: AbortSignal;
  /** Cancels the scope when it is cancelled. */
  readonly token?: CancelTokenHandle;
  /** Is told, when the scope has closed, what happened to its tasks. */
  readonly onClosed?: (report: ScopeReport) => void;
}

/** What a function is spawned as. */
export type TaskFunction<T> = (cx: Cx) => T | PromiseLike<T>;
export type ScopeFunction<T> = (scope: Scope) => T | PromiseLike<T>;

/** Opens a scope, and binds it to what its options name. */
export function beginScope(
  kernel: Kernel, label: string, parent: Entry | undefined, limit: number, run: (own: Entry) => unknown, options: ScopeOptions,
): Entry {
  checkName(label, "scope");
  checkOptions(options, ["signal", "token", "onClosed"], "the options of a scope");
  const { signal, token, onClosed } = options;
  checkSignal(signal);
  if (token !== undefined && typeof token?.bind !== "function") {
    throw invalid("token takes what `createCancelToken` gave", token);
  }
  if (onClosed !== undefined) {
    checkFunction(onClosed, "onClosed");
  }
  if (kernel.isClosing) {
    throw refusal(-5);
  }
  const entry = kernel.open(label, parent, limit, run);
  if (signal) {
    const unlink = onAbort(signal, () => {
      cancelEntry(entry, { kind: "signal", message: textOf(signal.reason) }).catch(() => {});
    });
    void entry.over.then(unlink);
  }
  token?.bind(new Scope(entry));
  if (onClosed) {
    void entry.over.then(() => entry.report && onClosed(entry.report));
  }
  return entry;
}

/** Runs `call` in a scope and gives its value when all in it has ended. */
export async function openScope<T>(
  kernel: Kernel, label: string, parent: Entry | undefined, limit: number, call: ScopeFunction<T>, options: ScopeOptions,
): Promise<T> {
  checkCall(label, call, "scope");
  const entry = beginScope(kernel, label, parent, limit, (own) => call(new Scope(own)), options);
  return unwrap((await entry.outcome) as Outcome<T>);
}

/** What a context is of; for the files beside this one. */
export let entryOf: (cx: Cx) => Entry;
/** The same, for a wait: throws if the function is not to go on. */
export let waiterOf: (cx: Cx) => Entry;

/** What a function does everything through that is to end with it. */
export class Cx extends IoContext {
  readonly #entry: Entry;
  /** Deferred functions run on when all else was asked to stop. */
  readonly #isMasked: boolean;

  static {
    entryOf = (cx) => {
      if (typeof cx !== "object" || cx === null || !(#entry in cx)) {
        throw invalid("a context is what a function of a task or scope was given", cx);
      }
      return cx.#entry;
    };
    waiterOf = (cx) => {
      const entry = entryOf(cx);
      cx.#check();
      return entry;
    };
  }

  /** @internal */
  constructor(entry: Entry, isMasked = false) {
    super(entry, isMasked);
    this.#entry = entry;
    this.#isMasked = isMasked;
  }

  #check(): void {
    if (!this.#isMasked) {
      this.#entry.check();
    } else if (this.#entry.isEnded) {
      // Clean-up that was given up, or is called after a panic: it waits for nothing any more.
      this.#entry.kernel.checkAlive();
      this.#entry.check();
    }
  }

  /** Is aborted when the task is asked to stop; made when it is first asked for. */
  get signal(): AbortSignal {
    return this.#isMasked ? new AbortController().signal : this.#entry.signal();
  }

  /** Throws a `CancelledError` if the task was asked to stop. */
  async checkpoint(): Promise<void> {
    const turn = this.#entry.kernel.turn(this.#entry);
    if (turn) {
      await turn;
    }
    this.#check();
  }

  /** Waits; rejects with a `CancelledError` when the task is asked to stop. */
  async sleep(milliseconds: number): Promise<void> {
    checkTime(milliseconds, "sleep");
    this.#check();
    return this.#entry.kernel.sleep(this.#entry, milliseconds);
  }

  /**
   * Leaves clean-up to the task: it runs when the function is over, however that went; the last one first, and what it
   * awaits through its own `cx` is not cancelled. It may open scopes. What it throws is in `suppressed` of the outcome.
   */
  defer(cleanup: (cx: Cx) => unknown): void {
    checkFunction(cleanup, "defer");
    const entry = this.#entry;
    if (this.#isMasked || entry.isEnded || entry.isSettled) {
      throw new RuntimeError("TaskEnded", `${entry.name} has ended, and runs what was deferred: defer earlier`);
    }
    entry.kernel.defer(entry, () => cleanup(new Cx(entry, true)));
  }

  /**
   * Runs `call` in a scope inside this one, and returns its value when everything in it has ended. Rejects with its error, else
   * with the first of its tasks; with a `CancelledError` if it was asked to stop.
   */
  async scope<T>(label: string, call: ScopeFunction<T>, options: ScopeOptions = {}): Promise<T> {
    this.#check();
    return openScope(this.#entry.kernel, label, this.#entry, -1, call, options);
  }

  /** A scope that is cancelled after so many milliseconds: then it rejects with a `CancelledError` of origin `timeout`. */
  async timeout<T>(milliseconds: number, call: ScopeFunction<T>): Promise<T> {
    checkTime(milliseconds, "timeout");
    this.#check();
    return openScope(this.#entry.kernel, "timeout", this.#entry, milliseconds, call, {});
  }

  /** Calls `call`, in a scope of its own each time, until it gives a value or `policy` has enough; then its last error is thrown. */
  retry<T>(policy: RetryPolicy, call: (scope: Scope, attempt: number) => T | PromiseLike<T>): Promise<T> {
    return retry(this, policy, call);
  }

  /** The values of all; the first error cancels the others, and is thrown when they have ended. */
  all<T extends readonly TaskFunction<unknown>[]>(
    calls: readonly [...T],
  ): Promise<{ -readonly [K in keyof T]: Awaited<ReturnType<T[K]>> }> {
    return all(this, calls) as Promise<never>;
  }

  /** What the first to end gives or throws; the others are cancelled, and have ended when it returns. */
  race<T extends readonly TaskFunction<unknown>[]>(calls: readonly [...T], options: RaceOptions<AnyOf<T>> = {}): Promise<AnyOf<T>> {
    return race(this, calls as never, options);
  }

  /** The first value; the others are cancelled, and have ended when it returns. An `AggregateError` if there is none. */
  any<T extends readonly TaskFunction<unknown>[]>(calls: readonly [...T], options: RaceOptions<AnyOf<T>> = {}): Promise<AnyOf<T>> {
    return any(this, calls as never, options);
  }

  /** The outcomes of all; an error cancels nobody. */
  settle<T extends readonly TaskFunction<unknown>[]>(
    calls: readonly [...T],
  ): Promise<{ -readonly [K in keyof T]: Outcome<Awaited<ReturnType<T[K]>>> }> {
    return settle(this, calls) as Promise<never>;
  }
}

/** The context of a scope: it takes tasks in, and ends when all of them have. */
export class Scope extends Cx {
  readonly #entry: Entry;

  /** @internal */
  constructor(entry: Entry) {
    super(entry);
    this.#entry = entry;
  }

  /** Spawns a task; the scope does not end before it. */
  spawn<T>(name: string, call: TaskFunction<T>): Task<T> {
    checkCall(name, call, "spawn");
    return new Task<T>(this.#entry.kernel.spawn(name, this.#entry, TASK, (entry) => call(new Cx(entry))));
  }

  /** Spawns a task that is cancelled when the scope's function has returned and its other tasks have ended. */
  spawnBackground(name: string, call: TaskFunction<unknown>): void {
    checkCall(name, call, "spawnBackground");
    this.#entry.kernel.spawn(name, this.#entry, BACKGROUND, (entry) => call(new Cx(entry)));
  }

  /**
   * Spawns a task in place of the one that was spawned with this key before: that is cancelled, and the new one begins when it
   * has ended. The error of the task is for who awaits it, and harms the scope in no way.
   */
  latest<T>(key: string, call: TaskFunction<T>): Task<T> {
    return latest(this, key, call);
  }

  /** Asks the scope and everything in it to stop. Do not await it inside the scope, which it waits for. */
  cancel(request: CancelRequest = {}, options: CancelOptions = {}): Promise<CancelReport<unknown>> {
    return this.#entry.kernel.after(cancelEntry(this.#entry, request, options));
  }
}

/** A scope that lasts until it is closed, for lifetimes that are no function call. */
export class ScopeHandle extends Scope {
  readonly #entry: Entry;
  #closing: Promise<CancelReport<void>> | undefined;

  /** @internal */
  constructor(kernel: Kernel, label: string, options: ScopeOptions) {
    // It waits for nothing, until it is asked to stop.
    const entry = beginScope(kernel, label, undefined, -1, (own) => own.until(new Promise<void>(() => {})), options);
    super(entry);
    this.#entry = entry;
  }

  /** `open` until it is closed, or a task in it failed; `closed` when all in it has ended. */
  get state(): "open" | "closing" | "closed" {
    const { isEnded, cancelled } = this.#entry;
    if (isEnded) {
      return "closed";
    }
    return this.#closing || cancelled ? "closing" : "open";
  }

  /** How it ended, when it has. Never rejects: `cancelled` if it was closed, `err` if a task in it failed. */
  get outcome(): Promise<Outcome<void>> {
    return this.#entry.outcome as Promise<Outcome<void>>;
  }

  /** Cancels what is inside and waits for its clean-up. A second call gives the same report. */
  async close(options: CancelOptions = {}): Promise<CancelReport<void>> {
    checkDrain(options);
    this.#closing ??= cancelEntry<void>(this.#entry, { kind: "closed" }, options);
    return this.#entry.kernel.after(this.#closing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
