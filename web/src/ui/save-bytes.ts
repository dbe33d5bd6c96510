// Small things saved as a file. Reports are streamed instead: they may be larger than memory.

const keptMilliseconds = 60_000;

/** Hand `bytes` to the browser's downloads under `name`. */
export function saveBytes(bytes: Uint8Array<ArrayBuffer>, name: string, type: string): void {
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, keptMilliseconds);
}
