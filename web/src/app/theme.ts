// Light or dark: the person's choice, else the system's. The choice is no secret and is kept outside the vault, so that
// the page has the right colours before it is first painted (first-colours.ts).

export type Theme = "system" | "light" | "dark";

const key = "hygieia-theme";

/** Turn the page to `theme` and remember it. */
export function useTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, theme);
  } catch {
    // Storage may be forbidden: the choice then lasts until the page is left.
  }
}
