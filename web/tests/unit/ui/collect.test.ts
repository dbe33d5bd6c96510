// What is taken out of folders: every file with the way to it, and nothing that a desktop left there.

import { beforeEach, describe, expect, test, vi } from "vitest";

import { fromDrop, fromPicker } from "../../../src/features/uploads/collect.ts";

class FileHandle {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  getFile(): Promise<File> {
    return Promise.resolve(new File(["x"], this.name));
  }
}

class Folder {
  readonly name: string;
  private readonly children: readonly (FileHandle | Folder)[];

  constructor(name: string, children: readonly (FileHandle | Folder)[]) {
    this.name = name;
    this.children = children;
  }

  async *values(): AsyncGenerator<FileHandle | Folder> {
    yield* this.children;
  }
}

class Unreadable extends FileHandle {
  override getFile(): Promise<File> {
    return Promise.reject(new DOMException("no right to it", "NotReadableError"));
  }
}

class Closed extends Folder {
  // eslint-disable-next-line require-yield -- it fails before there is anything to give
  override async *values(): AsyncGenerator<FileHandle | Folder> {
    throw new DOMException("no right to it", "NotReadableError");
  }
}

/** A file of browsers that have no handles. */
class Entry {
  readonly isFile = true;
  readonly isDirectory = false;
  readonly name: string;
  private readonly isClosed: boolean;

  constructor(name: string, isClosed = false) {
    this.name = name;
    this.isClosed = isClosed;
  }

  file(done: (file: File) => void, fail: (error: unknown) => void): void {
    if (this.isClosed) fail(new DOMException("no right to it", "NotReadableError"));
    else done(new File(["x"], this.name));
  }
}

beforeEach(() => {
  vi.stubGlobal("FileSystemFileHandle", FileHandle);
  vi.stubGlobal("FileSystemDirectoryHandle", Folder);
});

function dropped(...handles: readonly (FileHandle | Folder)[]): DataTransfer {
  const items = handles.map((handle) => ({
    kind: "file",
    getAsFileSystemHandle: () => Promise.resolve(handle),
    webkitGetAsEntry: () => null,
    getAsFile: () => null,
  }));
  return { items } as unknown as DataTransfer;
}

function entered(entry: Entry) {
  return { kind: "file", webkitGetAsEntry: () => entry, getAsFile: () => null };
}

function picked(...paths: readonly string[]): File[] {
  return paths.map((path) => {
    const file = new File(["x"], path.split("/").at(-1)!);
    Object.defineProperty(file, "webkitRelativePath", { value: path.includes("/") ? path : "" });
    return file;
  });
}

const ways = (items: readonly { file: File; path?: string }[]): string[] =>
  items.map(({ file, path }) => (path === undefined ? file.name : `${path} > ${file.name}`));

const records = new Folder("records", [
  new FileHandle("letter.pdf"),
  new Folder("cardiology", [new Folder("2024", [new FileHandle("scan.pdf")])]),
]);
const litter = ["Desktop.ini", ".DS_Store", "THUMBS.DB", "ehthumbs.db", "._scan.pdf"];

describe("what is dropped", () => {
  test("tells the way from the folder where there is one", async () => {
    expect(ways((await fromDrop(dropped(records))).items)).toEqual(["letter.pdf", "cardiology/2024 > scan.pdf"]);
  });

  test("tells the folder's name too where several things are dropped", async () => {
    const { items } = await fromDrop(dropped(records, new FileHandle("note.txt")));
    expect(ways(items)).toEqual(["records > letter.pdf", "records/cardiology/2024 > scan.pdf", "note.txt"]);
  });

  test("holds nothing that systems leave in folders, but what she named herself", async () => {
    const left = [...litter.map((name) => new FileHandle(name)), new Folder("__MACOSX", [new FileHandle("scan.pdf")])];
    expect(await fromDrop(dropped(new Folder("usb", left)))).toEqual({ items: [], unread: [] });
    expect(ways((await fromDrop(dropped(new FileHandle("desktop.ini")))).items)).toEqual(["desktop.ini"]);
  });

  test("keeps back no other file where one or a folder cannot be read, and names it", async () => {
    const half = new Folder("half", [new FileHandle("before.pdf"), new Unreadable("mine.pdf"), new FileHandle("after.pdf")]);
    const { items, unread } = await fromDrop(
      dropped(new Unreadable("gone.pdf"), half, new Closed("root", []), new Folder("outer", [new Closed("inner", [])]), new FileHandle("note.txt")),
    );
    expect(ways(items)).toEqual(["half > before.pdf", "half > after.pdf", "note.txt"]);
    expect(unread).toEqual(["gone.pdf", "mine.pdf", "root", "inner"]);
  });

  test("is found so in browsers that have entries and no handles", async () => {
    const { items, unread } = await fromDrop({ items: [entered(new Entry("a.txt")), entered(new Entry("b.txt", true))] } as unknown as DataTransfer);
    expect(ways(items)).toEqual(["a.txt"]);
    expect(unread).toEqual(["b.txt"]);
  });
});

describe("what is picked", () => {
  test("tells the way from the folder that was chosen", () => {
    const files = picked("records/letter.pdf", "records/cardiology/2024/scan.pdf");
    expect(ways(fromPicker(files))).toEqual(["letter.pdf", "cardiology/2024 > scan.pdf"]);
  });

  test("holds nothing that systems leave in folders, but what she named herself", () => {
    const left = [...litter.map((name) => `usb/${name}`), "usb/__MACOSX/scan.pdf"];
    expect(fromPicker(picked(...left))).toEqual([]);
    expect(ways(fromPicker(picked("desktop.ini", "a.txt")))).toEqual(["desktop.ini", "a.txt"]);
  });
});
