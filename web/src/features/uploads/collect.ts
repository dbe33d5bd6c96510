// Files out of a drop, a paste or a picker, folders opened. Names stay what they are: they are data, never a path here.

import type { UploadItem } from "../../engine/interface.ts";

/** What systems leave in folders by themselves. */
const litter: ReadonlySet<string> = new Set([".DS_Store", "Thumbs.db", "desktop.ini"]);

interface Dropped {
  readonly handle: Promise<FileSystemHandle | null> | undefined;
  readonly entry: FileSystemEntry | null;
  readonly file: File | null;
}

/** Files that a picker gave. A folder's path comes with each file. */
export function fromPicker(files: readonly File[]): readonly UploadItem[] {
  return files
    .filter((file) => !litter.has(file.name))
    .map((file) => {
      const folders = file.webkitRelativePath.split("/").slice(0, -1).join("/");
      return folders === "" ? { file } : { file, path: folders };
    });
}

/** Files and folders that were dropped. Has to be called while the event lasts: its items are gone afterwards. */
export async function fromDrop(transfer: DataTransfer): Promise<readonly UploadItem[]> {
  const dropped: readonly Dropped[] = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => ({
      // A handle lets an upload go on after a reload; browsers that have none still have entries.
      handle: (item as { getAsFileSystemHandle?: () => Promise<FileSystemHandle | null> }).getAsFileSystemHandle?.(),
      entry: item.webkitGetAsEntry(),
      file: item.getAsFile(),
    }));
  const found: UploadItem[] = [];
  for (const one of dropped) await open(one, found);
  return found;
}

async function open({ handle, entry, file }: Dropped, found: UploadItem[]): Promise<void> {
  const held = await handle?.catch(() => null);
  if (held) await openHandle(held, "", found);
  else if (entry) await openEntry(entry, "", found);
  else if (file) found.push({ file });
}

async function openHandle(handle: FileSystemHandle, path: string, found: UploadItem[]): Promise<void> {
  if (litter.has(handle.name)) return;
  if (handle instanceof FileSystemFileHandle) {
    found.push({ file: await handle.getFile(), handle, ...(path !== "" && { path }) });
  } else if (handle instanceof FileSystemDirectoryHandle) {
    for await (const child of handle.values()) await openHandle(child, join(path, handle.name), found);
  }
}

async function openEntry(entry: FileSystemEntry, path: string, found: UploadItem[]): Promise<void> {
  if (litter.has(entry.name)) return;
  if (entry instanceof FileSystemFileEntry) {
    const file = await new Promise<File>((done, fail) => {
      entry.file(done, fail);
    });
    found.push({ file, ...(path !== "" && { path }) });
  } else if (entry instanceof FileSystemDirectoryEntry) {
    for (const child of await children(entry)) await openEntry(child, join(path, entry.name), found);
  }
}

/** All of a folder: a reader gives its children in parts, an empty part at the end. */
async function children(folder: FileSystemDirectoryEntry): Promise<readonly FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<readonly FileSystemEntry[]>((done, fail) => {
      reader.readEntries(done, fail);
    });
    if (part.length === 0) return all;
    all.push(...part);
  }
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}
