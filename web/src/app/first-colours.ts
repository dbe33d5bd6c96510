// Runs by itself before the page is first painted (vite.config.ts): the colours chosen last time on this device. A module
// would run once an empty page of the system's colours had been seen. It stands alone, for a script has no imports: the
// name is theme.ts's.
try {
  const stored = localStorage.getItem("hygieia-theme");
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
} catch {
  // Storage may be forbidden; the system's colours do as well.
}
