// What a screen reader is told of changes that nobody asked for. One polite line for the whole page: two would talk
// over each other.

let polite = $state("");
let timer: ReturnType<typeof setTimeout> | undefined;

/** The line being said. */
export function liveWords(): string {
  return polite;
}

/** Take back what was said: it may name a report, and the vault is closing. */
export function silence(): void {
  clearTimeout(timer);
  polite = "";
}

/** Say `words` when the reader pauses. The same words twice are said twice. */
export function announce(words: string): void {
  polite = "";
  clearTimeout(timer);
  timer = setTimeout(() => {
    polite = words;
  }, 50);
}
