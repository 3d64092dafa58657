// The job that measures the npm package beside effect, effection and a nursery by hand: the same work, round by round, as ratios.
//
// `node --expose-gc tests/browser/bench-js.mjs FOLDER` runs it under node, with the bytes of a waiting task; FOLDER has the
// bundles of `bench-js/`, as `cargo xtask browser --bench` leaves them.

const PEERS = ["plain", "effect", "effection"];
/** How long one measurement of a peer may take before it is left out of the other rounds, in milliseconds. */
const PATIENCE_MS = 4000;
const ROUNDS = 5;

const middle = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const macrotask = () => new Promise((resolve) => setTimeout(resolve));

async function timed(call) {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

/** Calls `call`, which is to count `count` times. */
async function counted(count, call) {
  const found = await call();
  if (found !== count) {
    throw new Error(`counted ${found} instead of ${count}`);
  }
}

/** How long the end takes of what `begin` begins, each part of which cleans up. */
async function cancelled(count, begin) {
  let cleaned = 0;
  const cancel = await begin(() => (cleaned += 1));
  await macrotask();
  const took = await timed(cancel);
  if (cleaned !== count) {
    throw new Error(`${cleaned} of ${count} cleaned up`);
  }
  return took;
}

const soon = (count) => async () => {
  await null;
  count();
};
const later = (ms, count) => async () => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  count();
};

/** The work, and the most milliseconds that it is to take in Chromium. */
const WORK = [
  { name: "spawn and join 10,000", bar: 15, run: (lib) => timed(() => counted(10_000, () => lib.spawn(10_000))) },
  { name: "ping-pong, 100,000 messages", bar: 30, run: (lib) => timed(() => counted(100_000, () => lib.pingPong(100_000))) },
  // effection takes longer than it is waited for, and would go on beside the others.
  { name: "cancel a tree of 10,000", bar: 10, without: "effection", run: (lib) => cancelled(10_000, (count) => lib.tree(100, 100, soon(count))) },
  { name: "cancel a chain of 500", run: (lib) => cancelled(500, (count) => lib.chain(500, count)) },
  { name: "100 clean-ups of 10 ms", bar: 20, run: (lib) => cancelled(100, (count) => lib.tree(1, 100, later(10, count))) },
  { name: "sleep(0), 1,000 times", bar: 10, rounds: 3, run: (lib) => timed(() => lib.sleeps(1000)) },
  // The others end their stack, or the patience, long before. The last, since what was cancelled late goes on meanwhile.
  { name: "cancel a chain of 10,000", bar: 100, rounds: 2, without: "plain effect effection", run: (lib) => cancelled(10_000, (count) => lib.chain(10_000, count)) },
];

/** Milliseconds of each library, round by round; what fails or takes too long says so instead. */
async function measure({ run, rounds = ROUNDS, without = "" }, names, libs) {
  const found = names.map((name) => (without.split(" ").includes(name) ? "not run" : []));
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, lib] of libs.entries()) {
      if (typeof found[index] === "string") {
        continue;
      }
      try {
        const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`over ${PATIENCE_MS} ms`)), PATIENCE_MS));
        const took = await Promise.race([run(lib), late]);
        if (round >= 0) {
          found[index].push(took);
        }
      } catch (error) {
        found[index] = String(error?.message ?? error).slice(0, 40);
      }
      await macrotask();
    }
  }
  return found.map((times) => (typeof times === "string" ? times : middle(times)));
}

const percentiles = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  return `p50 ${sorted[sorted.length >> 1].toFixed(2)} ms, p95 ${sorted[Math.floor(sorted.length * 0.95)].toFixed(2)} ms`;
};

async function latencies(ours, print) {
  const [inits, cancels] = [[], []];
  for (let round = 0; round < 40; round += 1) {
    let close;
    inits.push(await timed(async () => (close = await ours.init())));
    await close();
    cancels.push(await cancelled(1, (count) => ours.tree(1, 1, soon(count))));
    await macrotask();
  }
  print(`a runtime and its first function: first ${inits[0].toFixed(2)} ms, ${percentiles(inits)} (bar p95 8)`);
  print(`a cancel with its clean-up: ${percentiles(cancels)} (bar p95 0.5)`);
}

/** Bytes of a task that waits: needs a collector that can be called. */
async function bytes(libs, print) {
  if (!globalThis.gc || !globalThis.process) {
    return;
  }
  const { memoryUsage } = globalThis.process;
  const used = () => {
    globalThis.gc();
    const { heapUsed, arrayBuffers, external } = memoryUsage();
    return heapUsed + Math.max(arrayBuffers, external);
  };
  const count = 10_000;
  for (const [name, lib] of libs) {
    await lib.idle(count)();
    await macrotask();
    const before = used();
    const end = lib.idle(count);
    await new Promise((resolve) => setTimeout(resolve, 200));
    print(`bytes of a waiting task: ${name} ${((used() - before) / count).toFixed(0)}`);
    await end();
  }
}

export async function run(print, folder = "/modules/bench-js") {
  const names = ["ours", ...PEERS];
  const libs = await Promise.all(names.map((name) => import(`${folder}/${name}.mjs`)));
  await latencies(libs[0], print);
  const cell = (found, ours) => {
    if (typeof found === "string") {
      return found;
    }
    return typeof ours === "string" ? found.toFixed(1) : `${found.toFixed(1)} (${(ours / found).toFixed(2)})`;
  };
  print("| work, ms (ratio of ours to it) | ours | by hand | effect | effection | bar |");
  for (const work of WORK) {
    const [ours, ...peers] = await measure(work, names, libs);
    const own = typeof ours === "string" ? ours : ours.toFixed(1);
    const verdict = work.bar === undefined ? "" : `${work.bar} ${ours <= work.bar ? "met" : "missed"}`;
    print(`| ${work.name} | ${own} | ${peers.map((found) => cell(found, ours)).join(" | ")} | ${verdict} |`);
  }
  await bytes(names.map((name, index) => [name, libs[index]]), print);
  return { passed: true, summary: "measured" };
}

if (globalThis.process?.argv[1]?.endsWith("bench-js.mjs")) {
  await run(console.log, globalThis.process.argv[2]);
  globalThis.process.exit();
}
