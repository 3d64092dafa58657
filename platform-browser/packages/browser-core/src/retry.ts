// Trying again: after which errors, how often, and after how long.

import { checkFunction, checkNumber, checkOptions, checkTime, checkWhole } from "./check.js";
import { invalid, RuntimeError } from "./errors.js";
import { entryOf, type Cx, type Scope } from "./scope.js";

/** When `cx.retry` tries again. */
export interface RetryPolicy {
  /** How often the function is called at most. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; 100 if not said. */
  readonly delay?: number;
  /** What the delay is multiplied with each time; 2 if not said. */
  readonly factor?: number;
  /** The longest delay; 30,000 if not said. */
  readonly maxDelay?: number;
  /** The part of a delay that is left to chance, from 0 to 1; 0.5 if not said. */
  readonly jitter?: number;
  /** Whether to try again after this error. */
  readonly retryIf?: (error: unknown, attempt: number) => boolean;
}

const KEYS = ["attempts", "delay", "factor", "maxDelay", "jitter", "retryIf"];

/** Errors that the same call gives again. */
function isMisuse(error: unknown): boolean {
  return error instanceof RuntimeError && error.code !== "Cancelled" && error.code !== "AtCapacity";
}

export async function retry<T>(
  cx: Cx, policy: RetryPolicy, call: (scope: Scope, attempt: number) => T | PromiseLike<T>,
): Promise<T> {
  checkOptions(policy, KEYS, "the parts of a retry policy");
  const { delay = 100, factor = 2, maxDelay = 30_000, jitter = 0.5, retryIf = () => true } = policy;
  const attempts = checkWhole(policy.attempts, 1, 2 ** 31, "attempts");
  checkTime(delay, "delay");
  checkTime(maxDelay, "maxDelay");
  checkNumber(factor, 1, 1000, "factor");
  checkNumber(jitter, 0, 1, "jitter");
  if (typeof retryIf !== "function") {
    throw invalid("retryIf is a function of the error and the attempt", retryIf);
  }
  checkFunction(call, "retry");
  const { kernel } = entryOf(cx);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await cx.scope(`attempt ${attempt}`, (scope) => call(scope, attempt));
    } catch (error) {
      // Asked to stop itself, it stops.
      await cx.checkpoint();
      if (attempt === attempts || isMisuse(error) || !retryIf(error, attempt)) {
        throw error;
      }
    }
    // Zero times what has grown out of range is no number.
    const longest = delay === 0 ? 0 : Math.min(maxDelay, delay * factor ** (attempt - 1));
    await cx.sleep(longest * (1 - jitter * kernel.random()));
  }
}
