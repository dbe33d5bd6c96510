// The app as it is shipped, over the test engine, in the state that ?scene= names.

import { mount } from "svelte";

import App from "../../../src/app/App.svelte";
import NotSecure from "../../../src/features/account/NotSecure.svelte";
import { useLanguage } from "../../../src/i18n/language.svelte.ts";
import "../../../src/ui/styles/index.css";
import { fhir, makeDicom, makePdf } from "../engine/contents.ts";
import { TestEngine } from "../engine/test-engine.ts";
import { scenes } from "./scenes.ts";

const query = new URLSearchParams(location.search);
const scene = scenes.find(({ name }) => name === query.get("scene"));
if (scene === undefined) throw new Error(`There is no scene ${String(query.get("scene"))}.`);

async function picture(): Promise<Uint8Array<ArrayBuffer>> {
  const canvas = new OffscreenCanvas(640, 400);
  const paint = canvas.getContext("2d")!;
  paint.fillStyle = "#e4ecf8";
  paint.fillRect(0, 0, 640, 400);
  paint.fillStyle = "#33599e";
  paint.arc(320, 200, 120, 0, 7);
  paint.fill();
  return new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
}

const engine = new TestEngine();
engine.contents.set("application/pdf", makePdf());
engine.contents.set("application/fhir+json", new TextEncoder().encode(fhir));
engine.contents.set("application/dicom", makeDicom());
engine.contents.set("text/plain", new TextEncoder().encode("Going-home notes\n\nRest the ankle for two weeks.\n"));
const png = await picture();
engine.contents.set("image/png", png);
engine.contents.set("image/jpeg", png);

history.replaceState(null, "", scene.path);
scene.prepare?.(engine);
await useLanguage("en");

const target = document.getElementById("app")!;
if (scene.blocked !== undefined) mount(NotSecure, { target, props: { reason: scene.blocked } });
else mount(App, { target, props: { engine } });
Object.assign(globalThis, { engine }); // for tests that change things under the page's feet
