// A browser may refuse to copy, by a setting or because the window is not in front.

/** Put `text` on the clipboard; false when the browser refuses. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // every reason ends the same for a person: she copies by hand
  }
}
