// What every bundle runs: a task that is cancelled, and cleans up. The text says that it went as it should.

/** With the runtimes of any entry of the package. */
export async function run({ withRuntime }) {
  const order = [];
  const value = await withRuntime({}, (rt) =>
    rt.scope("app", async (scope) => {
      const task = scope.spawn("waits", async (cx) => {
        cx.defer(() => order.push("cleaned up"));
        await cx.sleep(1e6);
      });
      await scope.sleep(1);
      const { outcome } = await task.cancel({ kind: "superseded" });
      order.push(outcome.kind);
      return scope.spawn("answers", () => 42).join();
    }));
  return [...order, value].join(", ");
}

/** What `run` gives, or its error as a page shows it. */
export function told(result) {
  return result.catch((error) => `${error.code}: ${error.message}`);
}
