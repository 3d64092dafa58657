// The same without a bundler, in CommonJS.

const core = require("@asupersync/browser-core");

import("./app.mjs").then(({ run, told }) => told(run(core))).then(console.log);
