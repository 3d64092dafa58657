// Tells a module of asupersync-browser when its page is suspended and goes on; for pages only. Touches nothing when it is
// imported.

/** Listens for `host`, what `connect` gave; returns a function that ends it. */
export function watchPage(host) {
  let left;
  const suspended = () => {
    if (left === undefined) {
      left = Date.now();
      host.enter("asupersync_lifecycle", -1);
    }
  };
  const resumed = () => {
    if (left !== undefined) {
      // The wall clock may have been set back meanwhile.
      const gap = Math.max(0, Date.now() - left);
      left = undefined;
      host.enter("asupersync_lifecycle", gap);
    }
  };
  const seen = () => (document.visibilityState === "hidden" ? suspended() : resumed());
  const listeners = [
    [document, "visibilitychange", seen],
    [document, "freeze", suspended],
    [document, "resume", resumed],
    [globalThis, "pagehide", suspended],
    [globalThis, "pageshow", resumed],
  ];
  for (const [target, name, listener] of listeners) {
    target.addEventListener(name, listener);
  }
  return () => {
    for (const [target, name, listener] of listeners) {
      target.removeEventListener(name, listener);
    }
  };
}
