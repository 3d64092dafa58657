// Panics of the module: what is known of one, and who is told.
//
// Owns no decision: the module says whose code it was, `kernel.ts` settles what waits.

import type { InstancePoisoned } from "./host.mjs";
import { RuntimeError, type CancelInfo } from "./errors.js";

/** What is known of a panic. */
export interface PanicInfo {
  /** What the module said; of a text made of values, nothing; where it said nothing, what the engine did. */
  readonly text: string;
  /** File and line in the sources of the module, if it said them. */
  readonly location: string | undefined;
  /** The path of the task or scope whose code it was; undefined: that of nobody. */
  readonly task: string | undefined;
  /** The path of the scope that it was in; undefined: in none. */
  readonly region: string | undefined;
}

/** A panic of the module, as the outcome of a task and as what `onPanic` is told. */
export class PanicError extends RuntimeError {
  readonly panic: PanicInfo;

  constructor(panic: PanicInfo, options?: ErrorOptions) {
    const at = panic.location === undefined ? "" : ` (${panic.location})`;
    const where = panic.task === undefined ? "the kernel" : `the kernel below ${panic.task}`;
    super("Panicked", `${where} has panicked: ${panic.text || "a text made of values"}${at}; please report it`, options);
    this.panic = panic;
  }
}

/** What everything but the panicking task ends with. */
export const POISONED: CancelInfo = {
  kind: "poisoned",
  origin: "poisoned",
  message: "the module of this runtime has panicked",
};

/** The error for whoever enters after a panic. */
export function poisoned(cause: PanicError | undefined): RuntimeError {
  const message = "the module of this runtime has panicked and lets nobody in; go on with `rt.restart()` or another runtime";
  return new RuntimeError("InstancePoisoned", message, cause && { cause });
}

/** What the module said, or, if it ended without a word, what the engine says. */
export function panicInfo(said: InstancePoisoned["panic"], trap: unknown, task: string | undefined, region: string | undefined): PanicInfo {
  const text = said?.text ?? (trap instanceof Error ? trap.message : String(trap));
  return { text, location: said?.location, task, region };
}

/** V8 keeps the frames of an error, and the instance with them, until its stack is asked for. */
export function letGo(...errors: unknown[]): void {
  for (const error of errors) {
    void (error instanceof Error && error.stack);
  }
}

/** Shows a panic that nobody asked for. */
export function reportPanic(error: unknown): void {
  const report = globalThis.reportError ?? console.error;
  report(error);
}
