// The recorder: what happens in the runtime from one press of the button to the next, as JSON that ui.perfetto.dev opens.

import { chromeTrace, type TraceApi, type TraceEvent } from "@asupersync/browser-core";

/** The most that is kept; the oldest are what is let go. */
const EVENTS_MAX = 100_000;

export class Recorder {
  readonly #events: TraceEvent[] = [];
  readonly #stop: () => void;

  constructor(tracing: TraceApi) {
    this.#stop = tracing.subscribe((event) => {
      this.#events.push(event);
      if (this.#events.length > EVENTS_MAX) {
        this.#events.shift();
      }
    });
  }

  get count(): number {
    return this.#events.length;
  }

  /** Ends the record; gives it as JSON. */
  finish(): string {
    this.#stop();
    return JSON.stringify({ ...chromeTrace(this.#events), otherData: { program: "asupersync dashboard", agent: navigator.userAgent } });
  }
}
