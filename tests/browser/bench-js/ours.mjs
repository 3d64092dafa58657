// The work of the bench on this runtime.

import { createRuntime } from "@asupersync/browser-core";

const rt = createRuntime();
const never = 1e9;

export const spawn = async (count) => {
  let ran = 0;
  await rt.scope("spawn", (scope) => {
    for (let index = 0; index < count; index += 1) {
      scope.spawn("t", async () => void (ran += 1));
    }
  });
  return ran;
};

export const pingPong = async (count) => {
  const [there, back] = [rt.channels.bounded(1), rt.channels.bounded(1)];
  let got = 0;
  await rt.scope("ping-pong", (scope) => {
    scope.spawn("ping", async (cx) => {
      for (let index = 0; index < count / 2; index += 1) {
        await there.tx.send(cx, index);
        await back.rx.recv(cx);
        got += 2;
      }
    });
    scope.spawn("pong", async (cx) => {
      for (let index = 0; index < count / 2; index += 1) {
        await back.tx.send(cx, await there.rx.recv(cx));
      }
    });
  });
  return got;
};

/** Groups of tasks that wait; `clean` is awaited by each when it is cancelled. Gives what cancels them and waits. */
export const tree = async (groups, each, clean) => {
  let left = groups * each;
  const scope = rt.createScope("tree");
  await new Promise((ready) => {
    for (let group = 0; group < groups; group += 1) {
      scope.spawn("group", (cx) => cx.scope("group", (inner) => {
        for (let index = 0; index < each; index += 1) {
          inner.spawn("leaf", async (own) => {
            left -= 1;
            if (left === 0) {
              ready();
            }
            try {
              await own.sleep(never);
            } finally {
              await clean();
            }
          });
        }
      }));
    }
  });
  return () => scope.close();
};

export const chain = async (depth, clean) => {
  const scope = rt.createScope("chain");
  await new Promise((ready) => {
    const link = (level) => async (own) => {
      try {
        if (level === depth) {
          ready();
          await own.sleep(never);
        } else {
          await own.scope("link", link(level + 1));
        }
      } finally {
        clean();
      }
    };
    scope.spawn("chain", link(1));
  });
  return () => scope.close();
};

/** So many tasks that wait; gives what ends them. */
export const idle = (count) => {
  const scope = rt.createScope("idle");
  for (let index = 0; index < count; index += 1) {
    scope.spawn("idle", (cx) => cx.sleep(never));
  }
  return () => scope.close();
};

export const sleeps = (count) =>
  rt.scope("sleeps", async (scope) => {
    for (let index = 0; index < count; index += 1) {
      await scope.sleep(0);
    }
  });

/** A runtime of its own, and the first function in it. */
export const init = async () => {
  const own = createRuntime();
  await own.scope("first", () => {});
  return () => own.close();
};
