// Runtimes: how they are made, and the region around all scopes of one.

import { channels, type ChannelFactory } from "./channel.js";
import { checkFunction, checkOptions, checkSignal, checkWhole } from "./check.js";
import { invalid } from "./errors.js";
import type { Io } from "./io.js";
import { Kernel } from "./kernel.js";
import { checkSeed, LabApi } from "./lab.js";
import { onAbort } from "./links.js";
import { reportPanic, type PanicError } from "./panic.js";
import { openScope, ScopeHandle, type ScopeFunction, type ScopeOptions } from "./scope.js";
import type { CancelRequest } from "./task.js";
import { CancelTokenHandle } from "./token.js";
import { TraceApi, type TraceOptions } from "./tracing.js";

/** How a runtime is made. */
export interface RuntimeOptions {
  /** `live`: the host's clock. `deterministic`: virtual time, for tests; `cx.sleep` takes none. */
  readonly mode?: "live" | "deterministic";
  /** In deterministic mode: functions take turns as the seed has it, and what is left to chance is drawn from it. */
  readonly seed?: number;
  /** How many tasks may live at once; 1,048,576 if not said. */
  readonly capacity?: number;
  /** What its tasks may ask the host for; nothing if not said. `@asupersync/browser` has one. */
  readonly io?: Io;
  /** Closes the runtime when it is aborted. */
  readonly signal?: AbortSignal;
  /** Is told, once, when the module has panicked and all that it held has ended; `reportError` if not given. */
  readonly onPanic?: (error: PanicError) => void;
  /** Keeps what happens to scopes and tasks. */
  readonly trace?: TraceOptions;
}

const KEYS = ["mode", "seed", "capacity", "signal", "trace", "io", "onPanic"];

/** A runtime: the region around all its scopes. */
export class Runtime {
  readonly #begin: () => Kernel;
  #kernel: Kernel;
  #unlink = () => {};
  /** Makes bounded channels. */
  readonly channels: ChannelFactory = channels;
  /** What happens to scopes and tasks. */
  readonly tracing: TraceApi;
  /** Runs programs under seeds; in deterministic mode only. */
  readonly lab: LabApi | undefined;

  /** @internal */
  constructor(begin: () => Kernel, trace: TraceOptions, signal: AbortSignal | undefined, labCapacity: number | undefined) {
    this.#begin = begin;
    this.#kernel = begin();
    this.lab = labCapacity === undefined ? undefined : new LabApi(() => this.#kernel, labCapacity);
    this.tracing = new TraceApi(this.#kernel, trace);
    if (signal) {
      this.#unlink = onAbort(signal, () => void this.close());
    }
  }

  /** Runs `call` in a scope; see `Cx.scope`. */
  async scope<T>(label: string, call: ScopeFunction<T>, options: ScopeOptions = {}): Promise<T> {
    return openScope(this.#kernel, label, undefined, -1, call, options);
  }

  /** A scope that lasts until it is closed. */
  createScope(label: string, options: ScopeOptions = {}): ScopeHandle {
    return new ScopeHandle(this.#kernel, label, options);
  }

  /** A request to stop that any number of scopes can be bound to. */
  createCancelToken(reason: CancelRequest = {}): CancelTokenHandle {
    return new CancelTokenHandle(reason);
  }

  /** Asks everything to stop and waits until it has. Nothing is taken in afterwards. */
  close(): Promise<void> {
    this.#unlink();
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
    this.tracing.follow(this.#kernel);
    return true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A runtime of a module, which is asked for when the options are in order. */
export function runtimeOf(module: () => WebAssembly.Module, options: RuntimeOptions = {}): Runtime {
  checkOptions(options, KEYS, "the options of a runtime");
  const { mode = "live", seed, capacity = 1 << 20, signal, trace = {}, io = {}, onPanic = reportPanic } = options;
  if (mode !== "live" && mode !== "deterministic") {
    throw invalid("mode is `live` or `deterministic`", mode);
  }
  const isVirtual = mode === "deterministic";
  if (seed !== undefined && !isVirtual) {
    throw invalid("a seed needs the mode `deterministic`: nothing of `live` is drawn from it", seed);
  }
  if (seed !== undefined) {
    checkSeed(seed);
  }
  checkWhole(capacity, 1, 1 << 20, "capacity");
  checkSignal(signal);
  checkFunction(onPanic, "onPanic");
  const compiled = module();
  const begin = () => new Kernel(compiled, isVirtual, capacity, seed, io, onPanic);
  return new Runtime(begin, trace, signal, isVirtual ? capacity : undefined);
}

/** Runs `call` with a runtime that is closed when it has settled. */
export async function closedAfter<T>(make: () => Runtime, call: (rt: Runtime) => T | PromiseLike<T>): Promise<T> {
  checkFunction(call, "withRuntime");
  const rt = make();
  try {
    return await call(rt);
  } finally {
    await rt.close();
  }
}
