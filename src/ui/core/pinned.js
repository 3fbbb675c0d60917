// What the address of an embedded page keeps for the whole visit: `?embed=1` leaves out what belongs to the site around it, and
// `workspace=NAME`, on a gateway, narrows every request to one workspace.

import { keepInAddress } from "../lib/query/route.js";

const asked = new URLSearchParams(location.search);
const name = asked.get("workspace") ?? "";

export const isEmbedded = asked.get("embed") === "1";

/** For every request. @type {import("../lib/query/filter.js").Parameters} */
export const pinned = /^[\w.-]{1,128}$/.test(name) ? [["workspace", name]] : [];

keepInAddress([...(isEmbedded ? /** @type {[string, string][]} */ ([["embed", "1"]]) : []), ...pinned]);
if (isEmbedded) document.documentElement.dataset.embed = "";
