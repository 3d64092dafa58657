// A host whose time is virtual: it stands while anything runs, and jumps to the next deadline when nothing does.

import { connect, type Host, type InstancePoisoned } from "./host.mjs";

/** A host of deterministic mode. What else JavaScript waits for, a fetch or a timer of its own, is not waited for here. */
export function connectVirtual(trapped: (error: InstancePoisoned) => void, isIdle: () => boolean): Host {
  let now = 0;
  let due: number | undefined;
  let isWatching = false;
  let calls = 0;
  let isPoisoned = false;
  const host = connect((error) => {
    isPoisoned = true;
    trapped(error);
  });
  const pump = (entry: number) => void (isPoisoned || host.enter("asupersync_pump", entry));
  const watch = () => {
    isWatching = true;
    const before = calls;
    // All microtasks come before it: if none of them called, everybody waits for time.
    setTimeout(() => {
      isWatching = false;
      if (due === undefined) {
        return;
      }
      if (calls !== before || !isIdle()) {
        watch();
        return;
      }
      now = Math.max(now, due);
      due = undefined;
      pump(2);
    }, 0);
  };
  return {
    imports: {
      now: () => now,
      hop(kind) {
        calls += 1;
        queueMicrotask(() => pump(kind));
      },
      alarm(milliseconds) {
        due = milliseconds < 0 ? undefined : now + milliseconds;
        if (due !== undefined && !isWatching) {
          watch();
        }
      },
      // The draws of the kernel, which decide nothing that a program sees.
      random: () => 42,
      panicked: host.imports.panicked,
    },
    panic: host.panic,
    attach: host.attach,
    enter(name, ...values) {
      calls += 1;
      return host.enter(name, ...values);
    },
  };
}
