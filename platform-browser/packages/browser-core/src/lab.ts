// The lab of a deterministic runtime: a program under a seed, as often as one likes.

import { checkFunction, checkWhole } from "./check.js";
import { Kernel, type Outcome } from "./kernel.js";
import { beginScope, Scope, type ScopeFunction } from "./scope.js";

/** The largest seed. */
const SEED_MAX = 2 ** 32 - 1;

/** What a run under a seed did. */
export interface LabReport<T> {
  readonly seed: number;
  readonly outcome: Outcome<T>;
  /** The paths of the functions that went on, step by step; the first 100,000. The same seed gives the same order. */
  readonly order: readonly string[];
  /** The virtual milliseconds that it took. */
  readonly time: number;
  /**
   * The paths of functions that waited for something that does not go through `cx`, such as a fetch or a timer: their order
   * is not the seed's. A program that is to repeat itself has none.
   */
  readonly nondeterminism: readonly string[];
}

export function checkSeed(seed: unknown): number {
  return checkWhole(seed, 0, SEED_MAX, "seed");
}

/** Runs programs under seeds: `rt.lab`, in deterministic mode. */
export class LabApi {
  readonly #kernel: () => Kernel;
  readonly #capacity: number;

  /** @internal */
  constructor(kernel: () => Kernel, capacity: number) {
    this.#kernel = kernel;
    this.#capacity = capacity;
  }

  /** Functions of this runtime that waited for something else than `cx`, if it has a seed. */
  get nondeterminism(): readonly string[] {
    return [...(this.#kernel().steps?.foreign ?? [])];
  }

  /** Runs `call` in a scope of a runtime of its own, whose functions take turns as `seed` has it. Never rejects for what `call` does. */
  async run<T>(seed: number, call: ScopeFunction<T>): Promise<LabReport<T>> {
    checkSeed(seed);
    checkFunction(call, "run");
    const kernel = new Kernel(this.#kernel().module, true, this.#capacity, seed);
    const entry = beginScope(kernel, "lab", undefined, -1, (own) => call(new Scope(own)), {});
    const outcome = (await entry.over) as Outcome<T>;
    const time = kernel.now();
    await kernel.close();
    const { order, foreign } = kernel.steps!;
    return { seed, outcome, order, time, nondeterminism: [...foreign] };
  }
}
