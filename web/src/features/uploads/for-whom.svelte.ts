// Whose records the next files are: the person's own, until she says somebody else's.

let subject: string | undefined = $state();

/** As in `UploadItem.subject`; undefined for the person's own. */
export function forWhom(): string | undefined {
  return subject;
}

/** Files that are added from now on are this subject's. */
export function addFor(next: string | undefined): void {
  subject = next;
}
