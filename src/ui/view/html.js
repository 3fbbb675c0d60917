// Templates and icons.

import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(/** @type {any} */ (h));

/** @type {Record<string, string>} outlines on a grid of 16 */
const PATHS = {
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9Zm3.3-1.2 3.2 3.2",
  close: "m4 4 8 8m0-8-8 8",
  filter: "M2 4h12M4.5 8h7M7 12h2",
  help: "M6 6a2 2 0 1 1 2.7 1.9c-.5.2-.7.5-.7 1.1v.3M8 11.6v.1M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z",
  download: "M8 2v8m0 0L5 7m3 3 3-3M2.5 13.5h11",
  copy: "M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z",
  link: "M6.5 9.5a2.8 2.8 0 0 0 4 0l2.3-2.3a2.8 2.8 0 0 0-4-4L8 4m1.5 2.5a2.8 2.8 0 0 0-4 0L3.2 8.8a2.8 2.8 0 0 0 4 4L8 12",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.85.85M11.75 11.75l.85.85M3.4 12.6l.85-.85M11.75 4.25l.85-.85",
  moon: "M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3Z",
  auto: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm0-13v13m0-10.5h5M8 8h6.5M8 12h5",
  pause: "M5.5 3.5v9m5-9v9",
  play: "M5 3.2v9.6L12.5 8z",
  down: "M8 3v10m0 0L4 9m4 4 4-4",
  up: "M8 13V3m0 0L4 7m4-4 4 4",
  refresh: "M13.5 8A5.5 5.5 0 1 1 11.7 3.9M12 1.5v3H9",
  only: "M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10Zm0-4a1 1 0 1 0 0-2 1 1 0 0 0 0 2Z",
  exclude: "M3.5 8h9",
  plus: "M8 3.5v9M3.5 8h9",
  chevron: "m6 4 4 4-4 4",
  around: "M2.5 8h11M4.5 4h7m-7 8h7",
  back: "M13 8H3m0 0 4-4M3 8l4 4",
  check: "m3 8.5 3.5 3.5L13 4.5",
  clock: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM8 4.5V8l2.5 1.5",
  calendar: "M2.5 3.5h11v10h-11zM2.5 6.5h11M5.5 2v3m5-3v3",
  star: "m8 2 1.8 3.8 4.2.5-3.1 2.9.8 4.1L8 11.3l-3.7 2 .8-4.1L2 6.3l4.2-.5z",
  sliders: "M2.5 4.5h6m4 0h1m-11 7h1m4 0h6M10.5 3v3m-5 4v3",
  bell: "M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8zM6.5 14.2h3",
  mute: "M3 6.2v3.6h2.4L8.5 12.5v-9L5.4 6.2zM11 6.3l3 3.4m0-3.4-3 3.4",
  lanes: "M2.5 4h4m2 0h5m-11 4h7m2 0h2m-11 4h2m2 0h7",
  pencil: "m3 13 .7-3 6.8-6.8 2.3 2.3L6 12.3z",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  command: "M3 4.5h10M3 8h10M3 11.5h10",
  more: "M3.3 8h.4M7.8 8h.4M12.3 8h.4",
  warn: "M8 2.2 14.5 13.5h-13zM8 6.5v3.2m0 1.9v.1",
};

/** @param {{name: string}} props */
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
