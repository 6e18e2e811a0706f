// Colours of charts for the light and the dark page. Text in them has a contrast of at least 4.5 to
// the background; series are told apart by markers and labels as well.

export interface Theme {
  dark: boolean;
  text: string;
  soft: string;
  line: string;
  grid: string;
  background: string;
  accent: string;
  good: string;
  bad: string;
  band: string;
  muted: string;
  series: readonly string[];
}

const LIGHT: Theme = {
  dark: false,
  text: "#1c2227", soft: "#5a646d", line: "#c5ccd2", grid: "#e8ecef", background: "#ffffff",
  accent: "#0a6e8a", good: "#2c7a1f", bad: "#b3261e", band: "rgba(10,110,138,0.12)", muted: "#8a949c",
  series: ["#0a6e8a", "#c2410c", "#6d4aad", "#3f7d20", "#b3246b", "#80600b", "#2f5fc4", "#a33a2a", "#00756a", "#5c5f66"],
};
const DARK: Theme = {
  dark: true,
  text: "#e6eaed", soft: "#a4afb8", line: "#48535c", grid: "#2a3238", background: "#161b1f",
  accent: "#58b6d4", good: "#8ccf6a", bad: "#f2938b", band: "rgba(88,182,212,0.16)", muted: "#77828b",
  series: ["#58b6d4", "#f08a4b", "#b9a3e6", "#8ccf6a", "#f07fb4", "#d9b44a", "#8fb0f5", "#e58d7e", "#4fc3b3", "#a8adb6"],
};

const KEY = "hadal-theme";

export function themeChoice(): "auto" | "light" | "dark" {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto";  // storage is switched off
  }
}

export function chooseTheme(choice: "auto" | "light" | "dark"): void {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // For this page alone, then.
  }
  document.documentElement.dataset["theme"] = choice;
}

export function theme(): Theme {
  const choice = document.documentElement.dataset["theme"] ?? "auto";
  if (choice === "light") return LIGHT;
  if (choice === "dark") return DARK;
  return matchMedia("(prefers-color-scheme: dark)").matches ? DARK : LIGHT;
}

export const reducedMotion = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
