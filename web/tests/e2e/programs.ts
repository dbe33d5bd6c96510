/** Files that run or fetch something wherever they are opened as what they are. Each leaves `window.ran` if it does. */

export interface Program {
  readonly name: string;
  readonly mimeType: string;
  readonly content: string | Buffer;
  /** What the preview shows: a picture, or these words. */
  readonly shows: string;
}

export function programs(elsewhere: string): readonly Program[] {
  const run = `top.ran=window.ran=1;document.title='ran';fetch('${elsewhere}/run');window.open('${elsewhere}/opened');alert(1)`;
  const html =
    `<!doctype html><title>ran</title><base href="${elsewhere}/"><meta http-equiv=refresh content="0;url=${elsewhere}/away">` +
    `<link rel=stylesheet href="${elsewhere}/style"><script>${run}</script><img src="${elsewhere}/picture" onerror="${run}">` +
    `<iframe src="${elsewhere}/frame"></iframe><form id=a action="${elsewhere}/form"><input name=innerHTML autofocus onfocus="${run}"></form>`;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10" onload="${run}"><script>${run}</script>` +
    `<image href="${elsewhere}/svg-picture" width="9" height="9"/><style>@import '${elsewhere}/svg-style';</style>` +
    `<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="${elsewhere}/svg-frame"/></foreignObject></svg>`;
  const fhir = {
    resourceType: "Patient",
    name: [{ text: `<img src=x onerror="${run}">` }],
    text: { status: "generated", div: `<div xmlns="http://www.w3.org/1999/xhtml">${html}</div>` },
    photo: [{ url: `${elsewhere}/photo`, contentType: "image/svg+xml" }],
  };
  const damaged = "This file is damaged or not what its name says.";
  return [
    { name: "A page.html", mimeType: "text/html", content: html, shows: "<!doctype html>" },
    { name: "A strict page.xhtml", mimeType: "application/xhtml+xml", content: `<html xmlns="http://www.w3.org/1999/xhtml"><script>${run}</script></html>`, shows: "<html" },
    { name: "A drawing.svg", mimeType: "image/svg+xml", content: svg, shows: "<svg" },
    { name: "A drawing that says photo.png", mimeType: "image/png", content: `${svg}<!-- png -->`, shows: damaged },
    { name: "A page that says photo.jpg", mimeType: "image/jpeg", content: `${html}<!-- jpeg -->`, shows: damaged },
    { name: "A page that says PDF.pdf", mimeType: "application/pdf", content: `${html}<!-- pdf -->`, shows: damaged },
    { name: "A patient.json", mimeType: "application/fhir+json", content: JSON.stringify(fhir), shows: "onerror" },
    { name: "A script.js", mimeType: "text/javascript", content: run, shows: "top.ran" },
    { name: "A letter.pdf", mimeType: "application/pdf", content: pdf(elsewhere), shows: "picture" },
    // CVE-2024-4367: what is no number in a font's matrix was compiled with it.
    { name: "A font.pdf", mimeType: "application/pdf", content: pdf(elsewhere, "(0\\); top.ran = window.ran = 1; //)"), shows: "picture" },
  ];
}

/** A PDF of one page that does all that a PDF can: scripts, addresses, forms; `last` ends its font's matrix. */
export function pdf(elsewhere: string, last = "0"): Buffer {
  const run = `app.alert(1); this.submitForm('${elsewhere}/pdf-form'); app.launchURL('${elsewhere}/pdf-launch'); top.ran = 1`;
  const words = "BT /F1 24 Tf 20 100 Td (Words on the page) Tj /F2 24 Tf (a) Tj ET";
  const glyph = "100 0 0 0 100 100 d1 0 0 100 100 re f";
  const objects = [
    `<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (${run}) >> /AA << /WC << /S /JavaScript /JS (${run}) >> >>` +
      ` /AcroForm << /Fields [6 0 R] /XFA (<xdp><script>${run}</script></xdp>) >> >>`,
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Annots [6 0 R 7 0 R]" +
      " /Resources << /Font << /F1 5 0 R /F2 8 0 R >> >> >>",
    `<< /Length ${words.length} >>\nstream\n${words}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    `<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /Rect [0 0 300 200] /AA << /E << /S /JavaScript /JS (${run}) >> >> >>`,
    `<< /Type /Annot /Subtype /Link /Rect [0 0 300 200] /A << /S /URI /URI (${elsewhere}/pdf-link) >> >>`,
    `<< /Type /Font /Subtype /Type3 /FontBBox [0 0 100 100] /FontMatrix [0.01 0 0 0.01 0 ${last}]` +
      " /CharProcs << /a 9 0 R >> /Encoding << /Type /Encoding /Differences [97 /a] >> /FirstChar 97 /LastChar 97 /Widths [100] >>",
    `<< /Length ${glyph.length} >>\nstream\n${glyph}\nendstream`,
  ];
  return assembled(objects);
}

/** A red square of 16 by 16 points as JPEG 2000, which no browser decodes by itself. */
const redSquare = [
  "AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAAEAAAABAAAwcHAAAAAAAPY29scgEAAAAAABAAAADOanAy",
  "Y/9P/1EALwAAAAAAEAAAABAAAAAAAAAAAAAAABAAAAAQAAAAAAAAAAAAAwcBAQcBAQcBAf9SAAwAAAABAQAEBAAB/1wABEBA/2QAJQABQ3JlYXRl",
  "ZCBieSBPcGVuSlBFRyB2ZXJzaW9uIDIuNS4w/5AACgAAAAAAVgAB/5PH1CIRUFSv3xyyvAAAAABhIS//f4DfgYAUAFyv9JywPAAAAABhIS/axEAA",
  "AMJCX7aZAAABhIS/bTIAAAMJCX7aZAAABhIS/3//2Q==",
].join("");

/** A PDF of one page that is all one picture, as a scanner makes it. */
export function scannedPdf(): Buffer {
  const picture = Buffer.from(redSquare, "base64").toString("latin1");
  const draw = "300 0 0 200 0 0 cm /P Do";
  return assembled([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources << /XObject << /P 5 0 R >> >> >>",
    `<< /Length ${draw.length} >>\nstream\n${draw}\nendstream`,
    "<< /Type /XObject /Subtype /Image /Width 16 /Height 16 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /JPXDecode" +
      ` /Length ${picture.length} >>\nstream\n${picture}\nendstream`,
  ]);
}

/** The objects, numbered from 1, as a file; one character is one octet. */
function assembled(objects: readonly string[]): Buffer {
  let text = "%PDF-1.7\n";
  const places = objects.map((object, index) => {
    const at = text.length;
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const table = places.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("");
  const count = objects.length + 1;
  const start = text.length;
  text += `xref\n0 ${count}\n0000000000 65535 f \n${table}trailer\n<< /Size ${count} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, "latin1");
}
