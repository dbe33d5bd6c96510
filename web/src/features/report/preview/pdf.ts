// PDF pages through Mozilla's pdf.js, loaded only when there is a PDF to show. Its parser runs in a worker of its own;
// scripts, forms and links inside the file stay dead: only pages are drawn and only text is taken out.

import { getDocument, GlobalWorkerOptions, type PDFDocumentProxy } from "pdfjs-dist";
import workerAddress from "pdfjs-dist/build/pdf.worker.min.mjs?url";
import jbig2 from "pdfjs-dist/wasm/jbig2.wasm?url";
import openjpeg from "pdfjs-dist/wasm/openjpeg.wasm?url";
import qcms from "pdfjs-dist/wasm/qcms_bg.wasm?url";

import { scriptPolicy } from "../../../trusted-scripts.ts";

/** The worker's address is a constant of the build. */
const trusted = scriptPolicy("hygieia-pdf", [workerAddress]);

const decoders: ReadonlyMap<string, string> = new Map([
  ["jbig2.wasm", jbig2],
  ["openjpeg.wasm", openjpeg],
  ["qcms_bg.wasm", qcms],
]);

/** What pdf.js's worker asks for: its decoders of pictures and colours. The worker itself may reach no network. */
class Decoders {
  async fetch({ filename }: { kind: string; filename: string }): Promise<Uint8Array> {
    const address = decoders.get(filename);
    if (address === undefined) throw new Error("The bundle has no such part of pdf.js.");
    const answer = await fetch(address);
    if (!answer.ok) throw new Error("A part of pdf.js is missing at the server.");
    return new Uint8Array(await answer.arrayBuffer());
  }
}

export interface OpenPdf {
  readonly document: PDFDocumentProxy;
  close(): Promise<void>;
}

/** Open a PDF. Rejects when it is none, or is locked with a password of its own. */
export async function openPdf(bytes: Uint8Array): Promise<OpenPdf> {
  GlobalWorkerOptions.workerPort = new Worker(trusted(workerAddress), { type: "module" });
  const port = GlobalWorkerOptions.workerPort;
  // A copy: pdf.js hands its bytes over to the worker, and they would be gone here.
  const task = getDocument({
    data: bytes.slice(),
    enableXfa: false,
    disableAutoFetch: true,
    disableStream: true,
    useSystemFonts: true,
    stopAtErrors: false,
    useWorkerFetch: false,
    BinaryDataFactory: Decoders,
    // Sizes from a stranger's file: a picture of more points than this is left out.
    maxImageSize: 64_000_000,
    canvasMaxAreaInBytes: 256_000_000,
  });
  try {
    const document = await task.promise;
    return {
      document,
      close: async () => {
        await task.destroy();
        port.terminate();
      },
    };
  } catch (error) {
    port.terminate();
    throw error;
  }
}

/** The words of one page (counted from 1), in the file's order. */
export async function pageText(document: PDFDocumentProxy, number: number): Promise<string> {
  const page = await document.getPage(number);
  const { items } = await page.getTextContent();
  return items
    .map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : ""))
    .join("");
}

/** Draw one page at `width` device pixels. */
export async function drawPage(
  document: PDFDocumentProxy,
  number: number,
  canvas: HTMLCanvasElement,
  width: number,
): Promise<void> {
  const page = await document.getPage(number);
  const natural = page.getViewport({ scale: 1 });
  const viewport = page.getViewport({ scale: width / natural.width });
  canvas.width = Math.max(1, Math.floor(viewport.width));
  canvas.height = Math.max(1, Math.floor(viewport.height));
  // AnnotationMode.DISABLE: no form, link or note of the file is drawn or made to work.
  await page.render({ canvas, viewport, annotationMode: 0 }).promise;
}
