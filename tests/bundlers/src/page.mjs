// A page with the module in its scripts.

import { result } from "./inlined.mjs";
import { show } from "./show.mjs";

show(result);
