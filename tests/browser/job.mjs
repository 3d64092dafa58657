// Runs one job in a page or in a worker, and reports its lines and its result to the server.
//
// A job is a file of this folder that exports `run(print)`; what it returns is the result.

const query = new URL(import.meta.url).searchParams;
const name = query.get("name");
/** How often lines are sent, in milliseconds: a request per line would be most of the work. */
const EVERY_MS = 500;

let lines = [];
let sent = performance.now();

const post = (what, body) => fetch(`/${what}/${name}`, { method: "POST", body });

async function flush() {
  const text = lines.join("\n");
  lines = [];
  sent = performance.now();
  await post("report", text);
}

function print(line) {
  lines.push(line);
  if (globalThis.document) {
    document.getElementById("lines").append(`${line}\n`);
  }
  if (performance.now() - sent > EVERY_MS) {
    flush();
  }
}

let result;
try {
  const { run } = await import(`./${query.get("job")}`);
  result = await run(print);
} catch (error) {
  result = { error: `${error}\n${error.stack}` };
}
await flush();
await post("result", JSON.stringify(result));
