// Files out of a drop, a paste or a picker, folders opened. Names stay what they are: they are data, never a path here.
// A file below a folder keeps the way to it: from the folder, with that one's name where several things were added.

import type { UploadItem } from "../../engine/interface.ts";

/** What desktops leave behind in folders, in small letters; whoever adds such a file itself still has it stored. */
const litter: ReadonlySet<string> = new Set([".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"]);
/** The second half that some systems keep of a file on foreign disks: never the file itself. */
const otherHalf = "._";

function isLitter(name: string): boolean {
  return litter.has(name.toLowerCase()) || name.startsWith(otherHalf);
}

interface Dropped {
  readonly handle: Promise<FileSystemHandle | null> | undefined;
  readonly entry: FileSystemEntry | null;
  readonly file: File | null;
}

/** Files that a picker gave. A folder's path comes with each file, and begins with that one folder. */
export function fromPicker(files: readonly File[]): readonly UploadItem[] {
  return files.flatMap((file) => {
    const [, ...way] = file.webkitRelativePath.split("/");
    if (way.some(isLitter)) return [];
    return [itemOf(file, way.slice(0, -1))];
  });
}

/** What was dropped: its files, and the names of files and folders that the browser could not read. */
export interface Found {
  readonly items: UploadItem[];
  readonly unread: string[];
}

/** Files and folders that were dropped. Has to be called while the event lasts: its items are gone afterwards. */
export async function fromDrop(transfer: DataTransfer): Promise<Found> {
  const dropped: readonly Dropped[] = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => ({
      // A handle lets an upload go on after a reload; browsers that have none still have entries.
      handle: (item as { getAsFileSystemHandle?: () => Promise<FileSystemHandle | null> }).getAsFileSystemHandle?.(),
      entry: item.webkitGetAsEntry(),
      file: item.getAsFile(),
    }));
  const found: Found = { items: [], unread: [] };
  for (const one of dropped) await open(one, dropped.length > 1, found);
  return found;
}

/** `isOneOfMany`: what is below a folder tells that one's name too. */
async function open({ handle, entry, file }: Dropped, isOneOfMany: boolean, found: Found): Promise<void> {
  const held = await handle?.catch(() => null);
  const name = (held ?? entry ?? file)?.name ?? "";
  const way = isOneOfMany ? [name] : [];
  await reading(name, found, async () => {
    if (held instanceof FileSystemDirectoryHandle) await belowHandle(held, way, found);
    else if (held instanceof FileSystemFileHandle) found.items.push({ file: await held.getFile(), handle: held });
    else if (isFolder(entry)) await belowEntry(entry, way, found);
    else if (isFile(entry)) found.items.push({ file: await fileOf(entry) });
    else if (file) found.items.push({ file });
  });
}

/** What cannot be read keeps back none of the others: it may be forbidden to her, or gone meanwhile. */
async function reading(name: string, { unread }: Found, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch {
    unread.push(name);
  }
}

async function belowHandle(folder: FileSystemDirectoryHandle, way: readonly string[], found: Found): Promise<void> {
  for await (const child of folder.values()) {
    if (isLitter(child.name)) continue;
    await reading(child.name, found, async () => {
      if (child instanceof FileSystemFileHandle) found.items.push({ ...itemOf(await child.getFile(), way), handle: child });
      else if (child instanceof FileSystemDirectoryHandle) await belowHandle(child, [...way, child.name], found);
    });
  }
}

async function belowEntry(folder: FileSystemDirectoryEntry, way: readonly string[], found: Found): Promise<void> {
  for (const child of await children(folder)) {
    if (isLitter(child.name)) continue;
    await reading(child.name, found, async () => {
      if (isFile(child)) found.items.push(itemOf(await fileOf(child), way));
      else if (isFolder(child)) await belowEntry(child, [...way, child.name], found);
    });
  }
}

/** By what an entry says of itself: Chromium has no names for the kinds of entries. */
function isFile(entry: FileSystemEntry | null): entry is FileSystemFileEntry {
  return entry?.isFile === true;
}

function isFolder(entry: FileSystemEntry | null): entry is FileSystemDirectoryEntry {
  return entry?.isDirectory === true;
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((done, fail) => entry.file(done, fail));
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

function itemOf(file: File, way: readonly string[]): UploadItem {
  return way.length === 0 ? { file } : { file, path: way.join("/") };
}
