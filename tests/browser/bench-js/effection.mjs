// The work of the bench on effection.

import { call, createQueue, run, sleep, spawn as fork, suspend } from "effection";

export const spawn = (count) =>
  run(function* () {
    let ran = 0;
    const tasks = [];
    for (let index = 0; index < count; index += 1) {
      tasks.push(yield* fork(function* () {
        ran += 1;
      }));
    }
    for (const task of tasks) {
      yield* task;
    }
    return ran;
  });

export const pingPong = (count) =>
  run(function* () {
    const [there, back] = [createQueue(), createQueue()];
    let got = 0;
    const ping = yield* fork(function* () {
      for (let index = 0; index < count / 2; index += 1) {
        there.add(index);
        yield* back.next();
        got += 2;
      }
    });
    const pong = yield* fork(function* () {
      for (let index = 0; index < count / 2; index += 1) {
        back.add((yield* there.next()).value);
      }
    });
    yield* ping;
    yield* pong;
    return got;
  });

/** Runs until it is halted; gives what halts it and waits. */
const started = (body) =>
  new Promise((resolve) => {
    const task = run(() => body(() => setTimeout(() => resolve(() => task.halt()))));
  });

export const tree = (groups, each, clean) =>
  started(function* (ready) {
    let left = groups * each;
    for (let group = 0; group < groups; group += 1) {
      yield* fork(function* () {
        for (let index = 0; index < each; index += 1) {
          yield* fork(function* () {
            left -= 1;
            if (left === 0) {
              ready();
            }
            try {
              yield* suspend();
            } finally {
              yield* call(clean);
            }
          });
        }
        yield* suspend();
      });
    }
    yield* suspend();
  });

export const chain = (depth, clean) =>
  started(function* (ready) {
    const link = (level) =>
      function* () {
        try {
          if (level === depth) {
            ready();
          } else {
            yield* fork(link(level + 1));
          }
          yield* suspend();
        } finally {
          clean();
        }
      };
    yield* link(1)();
  });

export const idle = (count) => {
  const task = run(function* () {
    for (let index = 0; index < count; index += 1) {
      yield* fork(() => suspend());
    }
    yield* suspend();
  });
  return () => task.halt();
};

export const sleeps = (count) =>
  run(function* () {
    for (let index = 0; index < count; index += 1) {
      yield* sleep(0);
    }
  });
