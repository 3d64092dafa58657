// The host's side of asupersync-browser: clock, hops, timer, entropy. Works in a page, in a worker and under node; touches
// nothing when it is imported.

/** What is told of a module that has panicked, once, and thrown at whoever enters it later. */
export class InstancePoisoned extends Error {
  name = "InstancePoisoned";

  /** `panic` is what the module said, if it did: `{ text, location }`. */
  constructor(panic, cause) {
    const said = panic ? `panicked: ${panic.text || "a text made of values"}, at ${panic.location}` : `trapped: ${cause?.message}`;
    super(`the module has ${said}; instantiate it again`, { cause });
    this.panic = panic;
  }
}

/** A port that listens is kept for ever, with all that it reaches: so there is one of a script, and the instances take turns. */
let ports;
const waiting = [];

/** Calls after a macrotask. */
function inMacrotask(call) {
  // Never transferred: WebKit is quick with those only.
  if (!ports) {
    ports = new MessageChannel();
    ports.port1.onmessage = () => {
      const next = waiting.shift();
      // Node ends when nothing else is awaited; a page has no such thing.
      if (waiting.length === 0) {
        ports.port1.unref?.();
      }
      next();
    };
  }
  waiting.push(call);
  ports.port1.ref?.();
  ports.port2.postMessage(0);
}

/**
 * A host for one instance of a module that uses asupersync-browser.
 *
 * `trapped` is called once, with an `InstancePoisoned`, when the module has panicked: from then on nobody is let in.
 * Pass `imports` as the import `asupersync`, then `attach` the exports of the instance, then call what the app exports:
 * by `enter(name, ...values)`, so that a panic in it is told as well.
 */
export function connect(trapped = globalThis.reportError ?? console.error) {
  let exports;
  let poisoned;
  let panic;
  let timer;
  // Saved, since libraries replace it later. One that has replaced it already makes it slow, or worse.
  const { then } = Promise.prototype;
  const settled = Promise.resolve();
  const isNative = Function.prototype.toString.call(then).includes("[native code]");

  /** Nobody comes in after a panic; frames of the module that were left below it end when they call out. */
  const goOn = () => {
    if (poisoned) {
      throw poisoned;
    }
  };
  let isInside = false;
  const enter = (name, ...values) => {
    goOn();
    const isNested = isInside;
    isInside = true;
    try {
      return exports[name](...values);
    } catch (error) {
      if (!poisoned) {
        poisoned = new InstancePoisoned(panic, error);
        exports = undefined;
        clearTimeout(timer);
        trapped(poisoned);
      }
      // The module called out and was entered again: its frames below end as well.
      if (isNested) {
        throw error;
      }
    } finally {
      isInside = isNested;
      if (!isNested) {
        panic = undefined;
      }
    }
  };
  const pump = (entry) => {
    if (!poisoned) {
      enter("asupersync_pump", entry);
    }
  };
  const microtask = () => pump(0);
  const macrotask = () => pump(1);

  return {
    imports: {
      now: () => performance.now(),
      hop(kind) {
        goOn();
        if (kind === 0) {
          isNative ? then.call(settled, microtask) : queueMicrotask(microtask);
          return;
        }
        inMacrotask(macrotask);
      },
      alarm(milliseconds) {
        goOn();
        clearTimeout(timer);
        timer = milliseconds < 0 ? undefined : setTimeout(pump, milliseconds, 2);
      },
      random: () => crypto.getRandomValues(new Uint32Array(1))[0],
      panicked(text, length, file, fileLength, line) {
        const read = (at, size) => new TextDecoder().decode(new Uint8Array(exports.memory.buffer, at, size));
        panic = { text: read(text, length), location: `${read(file, fileLength)}:${line}` };
      },
    },
    /** What the module has said of the panic that is under way. */
    panic: () => panic,
    attach(attached) {
      exports = attached;
    },
    enter,
  };
}
