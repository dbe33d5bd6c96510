// Light or dark: the person's choice, else the system's. The choice is no secret and is kept outside the vault, so that
// the page has the right colours before it opens.

export type Theme = "system" | "light" | "dark";

const key = "hygieia-theme";

/** Colours as chosen last time on this device. */
export function startTheme(): void {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(key);
  } catch {
    // Storage may be forbidden; the system's colours do as well.
  }
  apply(stored === "light" || stored === "dark" ? stored : "system");
}

/** Turn the page to `theme` and remember it. */
export function useTheme(theme: Theme): void {
  apply(theme);
  try {
    if (theme === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, theme);
  } catch {
    // As above: the choice then lasts until the page is left.
  }
}

function apply(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
