// Tokens: one request to stop, for any number of scopes.

import { checkRequest } from "./check.js";
import { entryOf, type Scope } from "./scope.js";
import type { Entry } from "./entry.js";
import { cancelEntry, type CancelOptions, type CancelRequest } from "./task.js";

/** Cancels all that it is bound to: by `bind`, or by the option `token` of a scope. */
export class CancelTokenHandle {
  /** What is told to what is cancelled. */
  readonly reason: CancelRequest;
  readonly #bound = new Set<Entry>();
  #options: CancelOptions | undefined;

  /** @internal */
  constructor(reason: CancelRequest) {
    checkRequest(reason);
    this.reason = reason;
  }

  get isCancelled(): boolean {
    return this.#options !== undefined;
  }

  /** Binds a scope, until it ends; one that is bound after `cancel` is cancelled at once. */
  bind(scope: Scope): void {
    this.#bind(entryOf(scope));
  }

  #bind(entry: Entry): void {
    if (this.#options) {
      void cancelEntry(entry, this.reason, this.#options).catch(() => {});
      return;
    }
    this.#bound.add(entry);
    void entry.outcome.then(() => this.#bound.delete(entry));
  }

  /** Cancels all scopes that are bound, and waits until they have ended; names those in them that did not by themselves. */
  async cancel(options: CancelOptions = {}): Promise<{ readonly stuck: readonly string[] }> {
    const reports = [...this.#bound].map((entry) => cancelEntry(entry, this.reason, options));
    this.#options ??= options;
    return { stuck: (await Promise.all(reports)).flatMap((report) => report.stuck) };
  }
}
