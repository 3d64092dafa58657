import * as core from "@asupersync/browser-core";

import { run, told } from "./app.mjs";

export const result = told(run(core));
