// Text out of bytes that somebody else wrote.

/** So much is shown; a page of a million lines would stand still. */
export const mostCharacters = 200_000;

export interface ShownText {
  readonly text: string;
  readonly isCut: boolean;
}

/** `bytes` as text: UTF-16 where they say so, else UTF-8, else Windows-1252, which has a sign for every byte. */
export function decodeText(bytes: Uint8Array): ShownText {
  const text = decode(bytes);
  return text.length > mostCharacters ? { text: text.slice(0, mostCharacters), isCut: true } : { text, isCut: false };
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
