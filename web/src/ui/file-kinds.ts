// What a file is, as far as the app treats it differently, by its media type alone.

export const fileKinds = ["pdf", "image", "text", "data", "scan", "other"] as const;
export type FileKind = (typeof fileKinds)[number];

/** `scan`: DICOM. `data`: JSON and its kin, such as FHIR. */
export function fileKindOf(mediaType: string): FileKind {
  const type = mediaType.toLowerCase();
  if (type === "application/pdf") return "pdf";
  if (type === "application/dicom") return "scan";
  if (type === "application/json" || type.endsWith("+json")) return "data";
  if (type === "image/svg+xml") return "text"; // shown as its source: an SVG is a program
  if (type.startsWith("image/")) return "image";
  if (type.startsWith("text/") || type === "application/xml" || type.endsWith("+xml")) return "text";
  return "other";
}
