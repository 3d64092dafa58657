// What tests ask `peer.mjs`, and what they expect of it.

export function expect(found, expected, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) {
    throw new Error(`${what}: found ${left}, expected ${right}`);
  }
}

/** The peer at a server. `freed` is told how long each connection took to go, in milliseconds. */
export function asking(origin, freed = () => {}) {
  const prefix = Math.random().toString(36).slice(2);
  let keys = 0;
  const ask = async (what, query) => (await fetch(`${origin}/peer/${what}?${new URLSearchParams(query)}`)).text();
  const seen = async (key, wanted) => JSON.parse(await ask("seen", { key, ...wanted }));
  /** An address of the peer with a key of its own. */
  const address = (name, more = {}) => {
    const key = `${prefix}-${(keys += 1)}`;
    return { key, url: `${origin}/peer/${name}?${new URLSearchParams({ key, ...more })}` };
  };
  /** All connections of this key have come and gone. */
  const expectFreed = async (key, count = 1) => {
    const { opened, closed, waited } = await seen(key, { opened: count, closed: count });
    expect([opened, closed], [count, count], "opened and closed at the server");
    freed(waited);
  };
  /** So has a connect that was given up; Firefox tells the page so, and keeps one of its six connections to the server for minutes. */
  const expectGivenUp = async (key) => {
    if (globalThis.navigator?.userAgent.includes("Firefox")) {
      await ask("release", { key });
    }
    // On a busy machine it may not have come so far.
    const { opened, closed } = await seen(key, { closed: 1 });
    expect(closed, opened, "closed at the server, as opened");
  };
  return { prefix, ask, seen, address, expectFreed, expectGivenUp };
}
