// Several functions at once: which of them counts, and what becomes of the others.

import { checkCalls, checkFunction, checkName, checkOptions } from "./check.js";
import { CONTAINED, TASK, type Entry } from "./entry.js";
import { invalid } from "./errors.js";
import type { Outcome } from "./kernel.js";
import { Cx, entryOf, type Scope, type TaskFunction } from "./scope.js";
import { Task, unwrap } from "./task.js";

/** The value of one of several functions. */
export type AnyOf<T extends readonly TaskFunction<unknown>[]> = Awaited<ReturnType<T[number]>>;

export interface RaceOptions<T> {
  /** Is given the values of those that lost and ended with one all the same. */
  readonly late?: (value: T, index: number) => void;
}

/** Runs each call as a task. */
function begin(scope: Scope, calls: readonly TaskFunction<unknown>[], kind: number): Entry[] {
  const own = entryOf(scope);
  return calls.map((call, index) => own.kernel.spawn(String(index), own, kind, (entry) => call(new Cx(entry))));
}

/** Asks all but the winner to stop; their scope waits for them. What comes too late goes to `late`, also if it is there already. */
function drop(arms: readonly Entry[], winner: number, options: RaceOptions<never>): void {
  arms.forEach((arm, index) => {
    if (index === winner) {
      return;
    }
    if (!arm.isEnded) {
      arm.kernel.cancel(arm, "race-lost", `${arms[winner]?.name} was first`, -1);
    }
    const { late } = options;
    if (late) {
      void arm.over.then((outcome) => outcome.kind === "ok" && late(outcome.value as never, index));
    }
  });
}

/** The first outcome that counts, or the last one of all. */
function first(arms: readonly Entry[], counts: (outcome: Outcome<unknown>) => boolean): Promise<[Outcome<unknown>, number]> {
  let left = arms.length;
  return new Promise((resolve) =>
    arms.forEach((arm, index) =>
      void arm.over.then((outcome) => {
        left -= 1;
        if (left === 0 || counts(outcome)) {
          resolve([outcome, index]);
        }
      })));
}

function checkArms(calls: unknown, options: RaceOptions<never>, what: string): void {
  checkCalls(calls, what);
  checkOptions(options, ["late"], `the options of ${what}`);
  if (options.late !== undefined) {
    checkFunction(options.late, "late");
  }
  if ((calls as unknown[]).length === 0) {
    throw invalid(`${what} takes one function at least, since none of no functions ends`, 0);
  }
}

export async function race<T>(cx: Cx, calls: readonly TaskFunction<T>[], options: RaceOptions<T>): Promise<T> {
  checkArms(calls, options, "race");
  return cx.scope("race", async (scope) => {
    const arms = begin(scope, calls, CONTAINED);
    const [outcome, winner] = await entryOf(scope).kernel.after(first(arms, () => true));
    drop(arms, winner, options);
    return unwrap(outcome as Outcome<T>);
  });
}

export async function any<T>(cx: Cx, calls: readonly TaskFunction<T>[], options: RaceOptions<T>): Promise<T> {
  checkArms(calls, options, "any");
  return cx.scope("any", async (scope) => {
    const arms = begin(scope, calls, CONTAINED);
    const [outcome, winner] = await entryOf(scope).kernel.after(first(arms, ({ kind }) => kind === "ok"));
    if (outcome.kind === "ok") {
      drop(arms, winner, options);
      return outcome.value as T;
    }
    entryOf(scope).check();
    const outcomes = await Promise.all(arms.map((arm) => arm.over));
    const errors = outcomes.map((found) => (found.kind === "err" || found.kind === "panicked" ? found.error : undefined));
    throw new AggregateError(errors, "each function of `any` failed; `errors` has theirs, in the order of the functions");
  });
}

export async function settle(cx: Cx, calls: readonly TaskFunction<unknown>[]): Promise<Outcome<unknown>[]> {
  checkCalls(calls, "settle");
  return cx.scope("settle", async (scope) => {
    const outcomes = await entryOf(scope).kernel.after(Promise.all(begin(scope, calls, CONTAINED).map((arm) => arm.over)));
    entryOf(scope).check();
    return outcomes;
  });
}

export async function all(cx: Cx, calls: readonly TaskFunction<unknown>[]): Promise<unknown[]> {
  checkCalls(calls, "all");
  return cx.scope("all", async (scope) => {
    const outcomes = await entryOf(scope).kernel.after(Promise.all(begin(scope, calls, TASK).map((arm) => arm.over)));
    // One that failed has failed the scope, whatever is returned here.
    return outcomes.map((outcome) => (outcome.kind === "ok" ? outcome.value : undefined));
  });
}

/** The newest task of a key, and when it and all before it have ended. */
interface Newest {
  readonly entry: Entry;
  readonly drained: Promise<unknown>;
}

const newest = new WeakMap<Entry, Map<string, Newest>>();

export function latest<T>(scope: Scope, key: string, call: TaskFunction<T>): Task<T> {
  checkName(key, "latest");
  checkFunction(call, "latest");
  const own = entryOf(scope);
  const keys = newest.get(own) ?? new Map<string, Newest>();
  newest.set(own, keys);
  const before = keys.get(key);
  const entry = own.kernel.spawn(key, own, CONTAINED, async (task) => {
    if (before) {
      await task.until(before.drained);
    }
    return call(new Cx(task));
  });
  if (before && !before.entry.isEnded) {
    own.kernel.cancel(before.entry, "user", `superseded: a newer ${key}`.slice(0, 240), -1);
  }
  const drained = Promise.all([before?.drained, entry.over]).then(() => {
    if (keys.get(key)?.entry === entry) {
      keys.delete(key);
    }
  });
  keys.set(key, { entry, drained });
  return new Task<T>(entry);
}
