// What a program sees: runtimes, scopes, tasks and their contexts.

import { CancelledError, invalid, refusal, RuntimeError } from "./errors.js";
import { textOf } from "./foreign.js";
import { Kernel, type Entry, type Outcome, type ScopeReport } from "./kernel.js";
import { reportPanic, type PanicError } from "./panic.js";

/** How a runtime is made. */
export interface RuntimeOptions {
  /** `live`: the host's clock. `deterministic`: virtual time, for tests; `cx.sleep` takes none. */
  readonly mode?: "live" | "deterministic";
  /** How many tasks may live at once; 1,048,576 if not said. */
  readonly capacity?: number;
  /** Is told, once, when the module has panicked and all that it held has ended; `reportError` if not given. */
  readonly onPanic?: (error: PanicError) => void;
}

/** How a scope is opened. */
export interface ScopeOptions {
  /** Cancels the scope when it is aborted. */
  readonly signal?: AbortSignal;
  /** Is told, when the scope has closed, what happened to its tasks. */
  readonly onClosed?: (report: ScopeReport) => void;
}

/** Why something is to stop: `kind` is a word of yours, `user` if not said. */
export interface CancelRequest {
  readonly kind?: string;
  readonly message?: string;
}

export interface CancelOptions {
  /** How many milliseconds the report is waited for at most; without it, until all have ended. */
  readonly drain?: number;
}

/** What became of a request to stop. */
export interface CancelReport<T> {
  /** How the task ended; undefined if it has not yet. */
  readonly outcome: Outcome<T> | undefined;
  /** The paths of those that did not end by themselves, or have not ended yet. */
  readonly stuck: readonly string[];
}

/** What a function is spawned as. */
export type TaskFunction<T> = (cx: Cx) => T | PromiseLike<T>;
export type ScopeFunction<T> = (scope: Scope) => T | PromiseLike<T>;

const KIND = /^[a-z][a-z0-9-]*$/;
const MESSAGE_MAX = 200;

function checkTime(milliseconds: unknown, what: string): number {
  if (typeof milliseconds !== "number" || !(milliseconds >= 0)) {
    throw invalid(`${what} takes milliseconds, a number that is not negative`, milliseconds);
  }
  return milliseconds;
}

function checkCall(name: unknown, call: unknown, what: string): void {
  if (typeof name !== "string") {
    throw invalid(`${what} takes a name for people first, a string`, name);
  }
  if (typeof call !== "function") {
    throw invalid(`${what} takes a function, best an async one`, call);
  }
}

async function cancelEntry<T>(entry: Entry, request: CancelRequest, options: CancelOptions): Promise<CancelReport<T>> {
  const { kind = "user", message = "" } = request;
  if (typeof kind !== "string" || !KIND.test(kind) || kind.length > 40) {
    throw invalid("the kind of a cancel is a short word like `superseded`", kind);
  }
  if (typeof message !== "string") {
    throw invalid("the message of a cancel is a string", message);
  }
  const drain = options.drain === undefined ? undefined : checkTime(options.drain, "drain");
  const forced = (entry.forced ??= []);
  if (!entry.isEnded) {
    entry.kernel.cancel(entry, kind, message.slice(0, MESSAGE_MAX));
  }
  let outcome: Outcome<unknown> | undefined;
  const ended = entry.outcome.then((found) => void (outcome = found));
  await (drain === undefined ? ended : Promise.race([ended, entry.kernel.sleep(undefined, drain)]));
  return { outcome: outcome as Outcome<T> | undefined, stuck: [...forced, ...(outcome ? [] : unended(entry))] };
}

/** The paths of what has not ended, innermost scopes and tasks only. */
function unended(entry: Entry): string[] {
  const found: string[] = [];
  const open = [entry];
  for (let at = open.pop(); at; at = open.pop()) {
    if (at.children?.size) {
      open.push(...at.children);
    } else {
      found.push(at.path());
    }
  }
  return found;
}

/** The value, or what became of it as an error. */
function unwrap<T>(outcome: Outcome<T>): T {
  switch (outcome.kind) {
    case "ok":
      return outcome.value;
    case "cancelled":
      throw new CancelledError(outcome.reason);
    default:
      throw outcome.error;
  }
}

/** A task that was spawned. Dropping it does nothing: its scope owns it. */
export class Task<T> {
  readonly #entry: Entry;

  /** @internal */
  constructor(entry: Entry) {
    this.#entry = entry;
  }

  get name(): string {
    return this.#entry.name;
  }

  /** How it ended, when it has, its deferred functions included. Never rejects. */
  get outcome(): Promise<Outcome<T>> {
    return this.#entry.outcome as Promise<Outcome<T>>;
  }

  /** Its value. Rejects with its error, or with a `CancelledError`. */
  async join(): Promise<T> {
    return unwrap(await this.outcome);
  }

  /**
   * Asks it to stop, and waits until it has: its signal is aborted, its promise waited for, then its deferred functions run.
   * One that does not end within the clean-up budget, 5 seconds, is given up and named in the report.
   */
  cancel(request: CancelRequest = {}, options: CancelOptions = {}): Promise<CancelReport<T>> {
    return cancelEntry<T>(this.#entry, request, options);
  }
}

async function openScope<T>(
  kernel: Kernel, label: string, parent: Entry | undefined, limit: number, call: ScopeFunction<T>, options: ScopeOptions,
): Promise<T> {
  checkCall(label, call, "scope");
  const { signal, onClosed } = options;
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw invalid("signal takes an AbortSignal", signal);
  }
  if (kernel.isClosing) {
    throw refusal(-5);
  }
  const entry = kernel.open(label, parent, limit, (own) => call(new Scope(own)));
  const abort = () => {
    cancelEntry(entry, { kind: "signal", message: textOf(signal?.reason) }, {}).catch(() => {});
  };
  if (signal?.aborted) {
    abort();
  } else {
    signal?.addEventListener("abort", abort, { once: true });
  }
  const outcome = (await entry.outcome) as Outcome<T>;
  signal?.removeEventListener("abort", abort);
  if (onClosed && entry.report) {
    onClosed(entry.report);
  }
  return unwrap(outcome);
}

/** What a function does everything through that is to end with it. */
export class Cx {
  readonly #entry: Entry;
  /** Deferred functions run on when all else was asked to stop. */
  readonly #isMasked: boolean;

  /** @internal */
  constructor(entry: Entry, isMasked = false) {
    this.#entry = entry;
    this.#isMasked = isMasked;
  }

  #check(): void {
    if (!this.#isMasked) {
      this.#entry.check();
    }
  }

  /** Is aborted when the task is asked to stop; made when it is first asked for. */
  get signal(): AbortSignal {
    return this.#isMasked ? new AbortController().signal : this.#entry.signal();
  }

  /** Throws a `CancelledError` if the task was asked to stop. */
  async checkpoint(): Promise<void> {
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
   * awaits through its own `cx` is not cancelled. What it throws is in `suppressed` of the outcome.
   */
  defer(cleanup: (cx: Cx) => unknown): void {
    checkCall("", cleanup, "defer");
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

  /** The values of all; the first error cancels the others, and is thrown when they have ended. */
  async all<T extends readonly TaskFunction<unknown>[]>(
    calls: readonly [...T],
  ): Promise<{ -readonly [K in keyof T]: Awaited<ReturnType<T[K]>> }> {
    if (!Array.isArray(calls)) {
      throw invalid("all takes an array of functions", calls);
    }
    return this.scope("all", async (scope) => {
      const tasks = calls.map((call, index) => scope.spawn(String(index), call));
      const outcomes = await Promise.all(tasks.map((task) => task.outcome));
      // One that failed has failed the scope, whatever is returned here.
      return outcomes.map((outcome) => (outcome.kind === "ok" ? outcome.value : undefined)) as never;
    });
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
    return new Task<T>(this.#entry.kernel.spawn(name, this.#entry, false, (entry) => call(new Cx(entry))));
  }

  /** Spawns a task that is cancelled when the scope's function has returned and its other tasks have ended. */
  spawnBackground(name: string, call: TaskFunction<unknown>): void {
    checkCall(name, call, "spawnBackground");
    this.#entry.kernel.spawn(name, this.#entry, true, (entry) => call(new Cx(entry)));
  }

  /** Asks the scope and everything in it to stop. Do not await it inside the scope, which it waits for. */
  cancel(request: CancelRequest = {}, options: CancelOptions = {}): Promise<CancelReport<unknown>> {
    return cancelEntry(this.#entry, request, options);
  }
}

/** A runtime: the region around all its scopes. */
export class Runtime {
  readonly #begin: () => Kernel;
  #kernel: Kernel;

  /** @internal */
  constructor(begin: () => Kernel) {
    this.#begin = begin;
    this.#kernel = begin();
  }

  /** Runs `call` in a scope; see `Cx.scope`. */
  async scope<T>(label: string, call: ScopeFunction<T>, options: ScopeOptions = {}): Promise<T> {
    return openScope(this.#kernel, label, undefined, -1, call, options);
  }

  /** Asks everything to stop and waits until it has. Nothing is taken in afterwards. */
  close(): Promise<void> {
    return this.#kernel.close();
  }

  /**
   * Goes on with a fresh instance after a panic; what the old one held has ended and stays so. False, and nothing happens, if
   * the module has not panicked, or the runtime is closed.
   */
  restart(): boolean {
    if (!this.#kernel.isPoisoned || this.#kernel.isClosing) {
      return false;
    }
    this.#kernel = this.#begin();
    return true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A runtime of its own. `close` ends it. */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const { mode = "live", capacity = 1 << 20, onPanic = reportPanic, ...unknown } = options;
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined) {
    throw invalid("the options of a runtime are `mode`, `capacity` and `onPanic`, and no others yet", stranger);
  }
  if (mode !== "live" && mode !== "deterministic") {
    throw invalid("mode is `live` or `deterministic`", mode);
  }
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > 1 << 20) {
    throw invalid("capacity is a whole number from 1 to 1,048,576", capacity);
  }
  if (typeof onPanic !== "function") {
    throw invalid("onPanic takes a function", onPanic);
  }
  return new Runtime(() => new Kernel(mode === "deterministic", capacity, onPanic));
}

/** Runs `call` with a runtime that is closed when it has settled. */
export async function withRuntime<T>(options: RuntimeOptions, call: (rt: Runtime) => T | PromiseLike<T>): Promise<T> {
  const rt = createRuntime(options);
  try {
    return await call(rt);
  } finally {
    await rt.close();
  }
}
