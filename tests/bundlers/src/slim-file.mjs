// A page that fetches the module, which the bundler takes for a file.

import { load } from "@asupersync/browser-core/slim";
import place from "@asupersync/browser-core/wasm";

import { run, told } from "./app.mjs";
import { show } from "./show.mjs";

show(told(load(new URL(place, import.meta.url)).then(run)));
