// Cases of a job: named functions that throw if something is wrong.

export function expect(found, expected, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) {
    throw new Error(`${what}: found ${left}, expected ${right}`);
  }
}

/** What `promise` rejects with; throws if it does not. */
export async function rejection(promise, what) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what}: did not reject but gave ${JSON.stringify(value)}`);
}

/** Settles when all microtasks and a macrotask have passed. */
export const macrotask = () => new Promise((resolve) => setTimeout(resolve));

/** Runs each case with each of `values`, one after the other. */
export async function runCases(cases, values, print) {
  let [passed, failed] = [0, 0];
  for (const value of values) {
    for (const [name, test] of Object.entries(cases)) {
      try {
        await test(value, print);
        print(`ok      ${name} (${value})`);
        passed += 1;
      } catch (error) {
        print(`FAILED  ${name} (${value}): ${error?.message ?? String(error)}\n${error?.stack}`);
        failed += 1;
      }
    }
  }
  return { passed: failed === 0, summary: `${passed} passed, ${failed} failed` };
}
