// The parts of the page that are loaded while the first rows are already shown.

import { signal } from "../vendor/signals.js";

/** Null until they are loaded. */
export const rest = signal(/** @type {typeof import("../rest.js").parts | null} */ (null));
