// Tasks that were spawned, and what becomes of a request to stop.

import { checkOptions, checkRequest, checkTime } from "./check.js";
import type { Entry } from "./entry.js";
import { CancelledError } from "./errors.js";
import type { Outcome } from "./kernel.js";

/** Why something is to stop: `kind` is a word of yours, `user` if not said. */
export interface CancelRequest {
  readonly kind?: string;
  readonly message?: string;
}

export interface CancelOptions {
  /**
   * How many milliseconds there are to clean up, at most the 5 seconds of the kernel. At their end what has not ended is
   * given up; what it deferred still runs, each within a second.
   */
  readonly drain?: number;
}

/** What became of a request to stop, when all is over. */
export interface CancelReport<T> {
  readonly outcome: Outcome<T>;
  /** The paths of those that did not end by themselves. */
  readonly stuck: readonly string[];
}

/** Asks an entry to stop and waits until it has. */
export async function cancelEntry<T>(
  entry: Entry, request: CancelRequest = {}, options: CancelOptions = {},
): Promise<CancelReport<T>> {
  const text = checkRequest(request);
  const drain = checkDrain(options);
  const forced = (entry.forced ??= []);
  if (!entry.isEnded) {
    entry.kernel.cancel(entry, "user", text, drain);
  }
  const outcome = (await entry.outcome) as Outcome<T>;
  return { outcome, stuck: innermost(forced) };
}

/** The time of a cancel as the module takes it. */
export function checkDrain(options: CancelOptions): number {
  checkOptions(options, ["drain"], "the options of a cancel");
  return options.drain === undefined ? -1 : checkTime(options.drain, "drain");
}

/** Those paths that are around no other: who waited for what is inside it is not to blame. */
function innermost(paths: readonly string[]): string[] {
  const around = new Set<string>();
  for (const path of paths) {
    for (let cut = path.lastIndexOf("/"); cut > 0 && !around.has(path.slice(0, cut)); cut = path.lastIndexOf("/", cut - 1)) {
      around.add(path.slice(0, cut));
    }
  }
  return [...new Set(paths)].filter((path) => !around.has(path));
}

/** The value, or what became of it as an error. */
export function unwrap<T>(outcome: Outcome<T>): T {
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
   * What does not end within `drain`, or 5 seconds, is given up and named in the report. Asked again with less time, it has
   * that.
   */
  cancel(request: CancelRequest = {}, options: CancelOptions = {}): Promise<CancelReport<T>> {
    return cancelEntry<T>(this.#entry, request, options);
  }
}
