// The page begins here: a language, and either the app or the reason why it cannot work.

import { mount } from "svelte";

import App from "./app/App.svelte";
import { isCapable } from "./app/capable.ts";
import { registerServiceWorker, startEngine } from "./engine/index.ts";
import NotSecure from "./features/account/NotSecure.svelte";
import { chooseLanguage, useLanguage } from "./i18n/language.svelte.ts";
import "./ui/styles/index.css";

const target = document.getElementById("app");
if (target === null) throw new Error("index.html has no element named app");

await useLanguage(chooseLanguage(navigator.languages));
if (!isSecureContext) mount(NotSecure, { target, props: { reason: "insecure" } });
else if (!isCapable()) mount(NotSecure, { target, props: { reason: "old-browser" } });
else {
  mount(App, { target, props: { engine: startEngine() } });
  // Without it the app works all the same, but not offline, and large reports are saved through a picked file.
  registerServiceWorker().catch(() => undefined);
}
