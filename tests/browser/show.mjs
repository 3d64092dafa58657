// Serves the sample page for a person: node tests/browser/show.mjs NAME=FILE...

import { serve } from "./serve.mjs";

const modules = Object.fromEntries(process.argv.slice(2).map((words) => words.split("=", 2)));
const { origin } = await serve({ modules, report: () => {}, result: () => {} });
console.log(`${origin}/platform-browser/apps/ticker/index.html (end it with Ctrl+C)`);
