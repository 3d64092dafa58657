// Seeded interleavings: which function goes on next, of all that could.
//
// A step begins where the runtime lets a function go on, and ends at its next wait through the runtime or at its end. One runs
// at a time; the next one is drawn. What ends neither way by the next macrotask waits for something else, whose time is not
// ours: it is named, and the others go on.

import type { Entry } from "./entry.js";

/** How many steps are kept by name. */
const ORDER_MAX = 100_000;

/** Draws of a seed: splitmix32, version 1. The same seed gives the same numbers for ever. */
export class Draws {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 bits. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return (bits ^ (bits >>> 15)) >>> 0;
  }
}

interface Step {
  /** Whose function goes on; nobody's for who waits outside of all tasks. */
  readonly entry: Entry | undefined;
  readonly go: () => void;
}

export class Steps {
  /** The paths of the functions that went on, in this order. */
  readonly order: string[] = [];
  /** The paths of those that waited for something else. */
  readonly foreign = new Set<string>();
  readonly #draws: Draws;
  readonly #ready: Step[] = [];
  #running: Step | undefined;
  #isDrawing = false;
  #isWatching = false;

  constructor(seed: number) {
    this.#draws = new Draws(seed);
  }

  /** Nothing runs, and nothing could. */
  get isIdle(): boolean {
    return !this.#running && this.#ready.length === 0;
  }

  /** Lets a function go on, when it is drawn. */
  add(entry: Entry | undefined, go: () => void): void {
    this.#ready.push({ entry, go });
    this.#draw();
  }

  /** The step that runs waits through the runtime from here on. Gives whose it is. */
  pause(): Entry | undefined {
    const entry = this.#running?.entry;
    this.#running = undefined;
    this.#draw();
    return entry;
  }

  /** A function has ended, and its step with it. */
  end(entry: Entry): void {
    if (this.#running?.entry === entry) {
      this.pause();
    }
  }

  #draw(): void {
    if (this.#isDrawing || this.#running || this.#ready.length === 0) {
      return;
    }
    this.#isDrawing = true;
    // After what runs now has returned.
    queueMicrotask(() => {
      this.#isDrawing = false;
      const [step] = this.#ready.splice(this.#draws.next() % this.#ready.length, 1);
      if (!step) {
        return;
      }
      this.#running = step;
      if (this.order.length < ORDER_MAX) {
        this.order.push(step.entry?.path() ?? "");
      }
      this.#watch();
      step.go();
    });
  }

  /** In a macrotask all promises have settled that need nothing from outside: a step that runs still needs something. */
  #watch(): void {
    if (this.#isWatching) {
      return;
    }
    this.#isWatching = true;
    macrotask(() => {
      this.#isWatching = false;
      const entry = this.#running?.entry;
      if (entry && !entry.isEnded && !entry.isWaiting) {
        this.foreign.add(entry.path());
      }
      this.pause();
    });
  }
}

/** The next macrotask of any kind: what a step posts after this comes later. */
function macrotask(call: () => void): void {
  const { port1, port2 } = new MessageChannel();
  const { setImmediate } = globalThis as { setImmediate?: (call: () => void) => void };
  let isOver = false;
  const once = () => {
    if (!isOver) {
      isOver = true;
      clearTimeout(timer);
      port1.close();
      call();
    }
  };
  const timer = setTimeout(once, 0);
  port1.onmessage = once;
  port2.postMessage(0);
  setImmediate?.(once);
}
