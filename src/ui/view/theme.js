// The theme: chosen by the user, or that of the system.

import { computed, effect, signal } from "../vendor/signals.js";
import { preferences } from "../core/state.js";

const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", () => {
  systemDark.value = system.matches;
});

export const isDark = computed(() => {
  const { theme } = preferences.value;
  return theme === "auto" ? systemDark.value : theme === "dark";
});

effect(() => {
  document.documentElement.dataset.theme = isDark.value ? "dark" : "light";
});
