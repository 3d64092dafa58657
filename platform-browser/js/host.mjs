// The host's side of asupersync-browser: clock, hops, timer, entropy. Works in a page, in a worker and under node; touches
// nothing when it is imported.

/**
 * A host for one instance of a module that uses asupersync-browser.
 *
 * `trapped` is called once, with the error, when the module has panicked: from then on nobody is let in.
 * Pass `imports` as the import `asupersync`, then `attach` the exports of the instance, then call what the app exports.
 */
export function connect(trapped = globalThis.reportError ?? console.error) {
  let exports;
  let timer;
  let ports;
  // Saved, since libraries replace it later. One that has replaced it already makes it slow, or worse.
  const { then } = Promise.prototype;
  const settled = Promise.resolve();
  const isNative = Function.prototype.toString.call(then).includes("[native code]");

  const close = (error) => {
    exports = undefined;
    clearTimeout(timer);
    ports?.port1.close();
    trapped(error);
  };
  const enter = (name, argument) => {
    try {
      exports?.[name](argument);
    } catch (error) {
      close(error);
    }
  };
  const pump = (entry) => {
    try {
      exports?.asupersync_pump(entry);
    } catch (error) {
      close(error);
    }
  };
  const microtask = () => pump(0);
  const macrotask = () => {
    // Node ends when nothing else is awaited; a page has no such thing.
    ports.port1.unref?.();
    pump(1);
  };
  const fire = () => pump(2);

  return {
    imports: {
      now: () => performance.now(),
      hop(kind) {
        if (kind === 0) {
          isNative ? then.call(settled, microtask) : queueMicrotask(microtask);
          return;
        }
        // Never transferred: WebKit is quick with those only.
        if (!ports) {
          ports = new MessageChannel();
          ports.port1.onmessage = macrotask;
        }
        ports.port1.ref?.();
        ports.port2.postMessage(0);
      },
      alarm(milliseconds) {
        clearTimeout(timer);
        timer = milliseconds < 0 ? undefined : setTimeout(fire, milliseconds);
      },
      random: () => crypto.getRandomValues(new Uint32Array(1))[0],
    },
    attach(attached) {
      exports = attached;
    },
    enter,
    close,
  };
}
