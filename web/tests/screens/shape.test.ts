// Right to left, German, small phones, large letters and forced colours: the same screens hold.

import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";

import type { Scene } from "./app/scene.ts";
import { sceneOf } from "./app/scenes.ts";
import { sharingScenes } from "./app/sharing-scenes.ts";
import { forceColours, misfits, overlaps, speakGerman, turnRound } from "./shape.ts";
import { desktop, phone, useStage, type Size } from "./stage.ts";

const smallest: Size = { ...phone, name: "small phone", width: 320, height: 640 };

const alone = ["sign-up", "kit", "unlock", "vault", "vault-uploads", "copies", "security", "settings", "trash", "report-pdf"];
const all: readonly Scene[] = [...alone.map(sceneOf), ...sharingScenes];

describe("as the browser comes", () => {
  const stage = useStage();

  test.each(all)("$name fits a small phone, right to left and in German", async (scene) => {
    const { page, faults } = await stage.show(scene, smallest);
    await turnRound(page);
    await expect.poll(() => misfits(page), { message: "right to left" }).toEqual([]);
    await speakGerman(page);
    await expect.poll(() => misfits(page), { message: "in German" }).toEqual([]);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("what lies over something else or out of sight is found, so that no screen passes unseen", async () => {
    const page = await stage.open("vault");
    expect([...(await misfits(page)), ...(await overlaps(page))]).toEqual([]);
    const move = (name: string, translate: string): Promise<void> =>
      page.getByRole("link", { name, exact: true }).evaluate((one, way) => void (one.style.translate = way), translate);
    await move("Heart clinic letter", "0 -4rem");
    expect(await overlaps(page)).not.toEqual([]);
    await move("Heart clinic letter", "-200rem");
    expect(await misfits(page)).not.toEqual([]);
    await page.close();
  });

  test("the rail stands at the right and codes still run left to right", async () => {
    const page = await stage.open("vault");
    await turnRound(page);
    expect((await page.locator(".rail").boundingBox())!.x).toBeGreaterThan(desktop.width / 2);
    expect(await startsBefore(await turned("kit", ".kit-code li"))).toBe(true);
    expect(await startsBefore(await turned("person-verified", ".safety li"))).toBe(true);
  });

  async function turned(scene: string, selector: string): Promise<Locator> {
    const page = await stage.open(scene);
    await turnRound(page);
    return page.locator(selector);
  }

  async function startsBefore(pieces: Locator): Promise<boolean> {
    const [first, second] = [await pieces.nth(0).boundingBox(), await pieces.nth(1).boundingBox()];
    return first!.x < second!.x;
  }

  test.each(["report-pdf", "people"])("every tab of %s is in sight on a phone", async (name) => {
    const page = await stage.open(name, phone);
    for (const tab of await page.getByRole("tab").all()) {
      const { x, width } = (await tab.boundingBox())!;
      expect(x + width, (await tab.textContent()) ?? "").toBeLessThanOrEqual(phone.width);
    }
  });

  test("the button that adds a gateway stands beside its field, on a phone below it", async () => {
    const middle = async (one: Locator): Promise<number> => {
      const { y, height } = (await one.boundingBox())!;
      return y + height / 2;
    };
    const parts = (page: Page): [Locator, Locator] => [
      page.getByLabel("Address of a gateway"),
      page.locator(".gw-add").getByRole("button", { name: "Add" }),
    ];
    const [field, button] = parts(await stage.open("settings"));
    expect(Math.abs((await middle(field)) - (await middle(button)))).toBeLessThanOrEqual(2);
    const [small, below] = parts(await stage.open("settings", phone));
    expect(await middle(below)).toBeGreaterThan(await middle(small));
  });
});

// The size of letters is the browser's own setting, as a person sets it: what is measured in them follows.
describe("with letters of twice the size", () => {
  const stage = useStage(["--blink-settings=defaultFontSize=32"]);

  test.each(all)("$name fits a phone in German", async (scene) => {
    const page = await stage.open(scene.name, phone);
    await speakGerman(page);
    await expect.poll(() => misfits(page)).toEqual([]);
    await page.close();
  });
});

describe("in forced colours", () => {
  const stage = useStage();
  const border = (one: Locator): Promise<string> => one.evaluate((at) => getComputedStyle(at).borderTopColor);
  const outline = (one: Locator): Promise<string> => one.evaluate((at) => getComputedStyle(at).outlineStyle);

  async function forced(name: string): Promise<Page> {
    const page = await stage.open(name);
    await forceColours(page);
    return page;
  }

  test("the list keeps every edge that tells a state", async () => {
    const page = await forced("vault");
    expect(await outline(page.locator('.nav[aria-current="page"]'))).toBe("solid");
    expect(await border(page.locator('.folder[aria-pressed="true"]'))).not.toBe(await border(page.locator(".folder").nth(1)));
  });

  test("a chosen tab, answer, kind and span differ by more than their ground", async () => {
    const people = await forced("people-given");
    const edge = (one: Locator): Promise<string> => one.evaluate((at) => getComputedStyle(at).borderBottomColor);
    const tabs = people.getByRole("tab");
    expect(await edge(tabs.nth(1))).not.toBe(await edge(tabs.nth(0)));

    const share = await forced("share-ongoing");
    expect(await outline(share.locator(".choice-card.is-on"))).toBe("solid");
    expect(await outline(share.locator(".choice-card:not(.is-on)"))).toBe("none");
    expect(await outline(share.locator(".kind.is-on").first())).toBe("solid");
    expect(await outline(share.locator('.segments > [aria-pressed="true"]'))).toBe("solid");

    const differs = await forced("person-differs");
    expect(await outline(differs.locator('.segments > [aria-pressed="true"]'))).toBe("solid");
  });

  test("how far a person is trusted is framed, and told in words", async () => {
    const page = await forced("people-needs-you");
    for (const badge of await page.locator(".people .badge").all()) {
      expect(await badge.evaluate((at) => getComputedStyle(at).borderTopStyle)).toBe("solid");
      expect((await badge.textContent())!.trim()).not.toBe("");
    }
    expect(await page.locator(".key-alert").evaluate((at) => getComputedStyle(at).borderInlineStartWidth)).toBe("6px");
  });

  test("a safety number's picture stays dark on white, for cameras", async () => {
    const page = await forced("person-verified");
    const ground = (selector: string, property: string): Promise<string> =>
      page.locator(selector).first().evaluate((at, name) => getComputedStyle(at).getPropertyValue(name), property);
    expect(await ground(".qr", "background-color")).toBe("rgb(255, 255, 255)");
    expect(await ground(".qr path", "fill")).toBe("rgb(15, 36, 29)");
  });
});
