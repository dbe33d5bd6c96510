// Files get into the vault however a person brings them.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { phone, useStage } from "./stage.ts";

const stage = useStage();

/** Names of the files that are being added. */
const names = (page: Page): Promise<string[]> => page.locator(".up-name").allInnerTexts();

async function fire(page: Page, kind: "drop" | "paste", files: readonly string[]): Promise<void> {
  await page.evaluate(
    ([type, list]) => {
      const transfer = new DataTransfer();
      for (const name of list) transfer.items.add(new File(["something"], name));
      const event =
        type === "drop"
          ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    },
    [kind, files] as const,
  );
  await page.locator(".up-name").first().waitFor();
}

test("dropped anywhere on the page", async () => {
  const page = await stage.open("vault");
  await fire(page, "drop", ["one.pdf", "two.pdf"]);
  expect(await names(page)).toEqual(["one.pdf", "two.pdf"]);
});

test("dropped where one cannot be read: the others are added, and that one is named", async () => {
  const page = await stage.open("vault");
  await page.evaluate(() => {
    const handles = ["gone.pdf", "read.pdf"].map((name) => {
      const handle = Object.create(FileSystemFileHandle.prototype, { name: { value: name } }) as FileSystemFileHandle;
      // A dropped file's handle comes from the desktop, which a test has not; it may be gone by the time it is read.
      const getFile = (): Promise<File> =>
        name === "gone.pdf" ? Promise.reject(new DOMException("gone", "NotFoundError")) : Promise.resolve(new File(["x"], name));
      return Object.assign(handle, { getFile });
    });
    Object.assign(DataTransferItem.prototype, { getAsFileSystemHandle: () => Promise.resolve(handles.shift()) });
    const transfer = new DataTransfer();
    for (const name of ["gone.pdf", "read.pdf"]) transfer.items.add(new File(["x"], name));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await page.locator(".toast").getByText("gone.pdf could not be read and was not added.").waitFor();
  await expect.poll(() => names(page)).toEqual(["read.pdf"]);
});

test("dropped on an empty vault, which shows that it takes them", async () => {
  const page = await stage.open("vault-empty");
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["something"], "one.pdf"));
    document.body.dispatchEvent(new DragEvent("dragover", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await page.locator(".dropzone.is-over").waitFor();
  await fire(page, "drop", ["one.pdf"]);
  expect(await names(page)).toEqual(["one.pdf"]);
});

test("pasted", async () => {
  const page = await stage.open("vault");
  await fire(page, "paste", ["picture.png"]);
  expect(await names(page)).toEqual(["picture.png"]);
});

test("chosen: each file that she named herself, whatever it is called", async () => {
  const page = await stage.open("vault");
  const input = page.locator("input[type=file][multiple]").first();
  const chosen = ["letter.pdf", "Thumbs.db"];
  await input.setInputFiles(chosen.map((name) => ({ name, mimeType: "", buffer: Buffer.from("x") })));
  await expect.poll(() => names(page)).toEqual(chosen);
});

test("text that is dropped or pasted is nothing to add, and stays where it was put", async () => {
  const page = await stage.open("vault");
  await page.getByRole("searchbox").focus();
  await page.evaluate(() => navigator.clipboard.writeText("knee"));
  await page.keyboard.press("Control+v");
  expect(await page.getByRole("searchbox").inputValue()).toBe("knee");
  expect(await names(page)).toEqual([]);
});

test("for somebody else, whom the list and the filter then name", async () => {
  const page = await stage.open("vault");
  await page.getByRole("button", { name: "Add reports" }).click();
  await page.getByRole("menuitemradio", { name: "Grandma Solveig" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Add reports" }).click();
  expect(await page.getByRole("menuitemradio", { name: "Grandma Solveig" }).getAttribute("aria-checked")).toBe("true");
  await page.keyboard.press("Escape");

  expect(await page.locator(".row-subject").allInnerTexts()).toEqual([expect.stringContaining("Grandma Solveig")]);
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByLabel("Whose record").selectOption("Grandma Solveig");
  await page.keyboard.press("Escape");
  expect(await page.locator("a.row-title").allInnerTexts()).toEqual(["Ankle surgery, going-home notes"]);
});

test("for somebody new, whose name is asked for once", async () => {
  const page = await stage.open("vault");
  await page.getByRole("button", { name: "Add reports" }).click();
  await page.getByRole("menuitem", { name: "Somebody else's" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Leo");
  await dialog.getByRole("button", { name: "Add" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Add reports" }).click();
  await page.waitForFunction(
    () => document.querySelector('[role=menuitemradio][aria-checked="true"]')?.textContent?.includes("Leo") ?? false,
  );
});

test("one of several is paused and goes on by itself, the others are left alone", async () => {
  const page = await stage.open("vault");
  await fire(page, "drop", ["one.pdf", "two.pdf"]);
  await page.getByRole("button", { name: "Pause one.pdf" }).click();
  await page.getByRole("button", { name: "Resume one.pdf" }).waitFor();
  expect(await page.getByRole("button", { name: "Pause two.pdf" }).count()).toBe(1);
  await page.getByRole("button", { name: "Resume one.pdf" }).click();
  await page.getByRole("button", { name: "Pause one.pdf" }).waitFor();
});

test("on a phone the line of uploads is there while something is under way, and covers nothing afterwards", async () => {
  const page = await stage.open("vault-uploads", phone);
  const line = page.getByRole("complementary", { name: "All files" });
  expect(await line.isVisible()).toBe(true);
  for (const scene of ["vault-uploads-done", "vault-upload-twice"]) {
    const ended = await stage.open(scene, phone);
    await ended.getByRole("link", { name: "People" }).click();
    await ended.getByRole("heading", { name: "People" }).waitFor();
    expect(await ended.getByRole("complementary", { name: "All files" }).count(), scene).toBe(0);
  }
});

test("the time that all of them together still take stands over the list, and on a phone in the line of uploads too", async () => {
  const page = await stage.open("vault-uploads");
  expect(await page.locator("#uploads .up-head").innerText()).toContain("about 2 minutes left");
  const small = await stage.open("vault-uploads", phone);
  const places = [small.locator("#uploads .up-head"), small.getByRole("complementary", { name: "All files" })];
  for (const place of places) await place.getByText("about 2 minutes left").filter({ visible: true }).waitFor();
  for (const scene of ["vault-uploads-paused", "vault-uploads-done"]) {
    const still = await stage.open(scene);
    expect(await still.locator("#uploads .up-head").innerText(), scene).not.toMatch(/left/);
  }
});

test("a file that is there already is said to be, and not to have stopped at no percent", async () => {
  const page = await stage.open("vault-upload-twice");
  const uploads = page.locator("#uploads");
  await uploads.getByRole("heading", { name: "1 file is in your vault already" }).waitFor();
  expect(await uploads.getByRole("progressbar").count()).toBe(0);
  expect(await uploads.innerText()).not.toMatch(/stopped|%/);
  await uploads.getByRole("button", { name: "Add anyway: Same again.pdf" }).waitFor();
});

test("taken with a phone's camera, the one at its back; where nothing is touched, none is offered", async () => {
  const page = await stage.open("vault", phone);
  await page.locator("button.add").click();
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.getByRole("menuitem", { name: "Take a photo" }).click(),
  ]);
  expect(await chooser.element().getAttribute("capture")).toBe("environment");
  expect(await chooser.element().getAttribute("accept")).toBe("image/*");
  await chooser.setFiles({ name: "photo.jpg", mimeType: "image/jpeg", buffer: Buffer.from("x") });
  await page.locator(".up-name").first().waitFor({ state: "attached" });
  expect(await page.locator(".up-name").allTextContents()).toEqual(["photo.jpg"]);

  const desk = await stage.open("vault");
  await desk.getByRole("button", { name: "Add reports" }).click();
  await desk.getByRole("menuitem", { name: "Choose files" }).waitFor();
  expect(await desk.getByRole("menuitem", { name: "Take a photo" }).count()).toBe(0);
});
