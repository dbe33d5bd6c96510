// FHIR JSON (HL7 FHIR R4 and R5) as headings, names and values that a person can read. It shows what is written and
// interprets nothing: no colours, no judgement of a value.

export interface Line {
  readonly name: string;
  readonly value: string;
}

export interface Part {
  readonly heading: string;
  readonly lines: readonly Line[];
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const mostParts = 200;
const mostDepth = 8;
/** Kept out of sight: what machines need, and the generated HTML, which would be a stranger's page. */
const machinery: ReadonlySet<string> = new Set(["resourceType", "meta", "text", "id", "implicitRules", "contained", "fullUrl"]);

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

/** The resources of a FHIR document, a Bundle opened; null when `json` is something else. */
export function readFhir(json: unknown): readonly Part[] | null {
  const value = json as Json;
  if (!isObject(value) || typeof value.resourceType !== "string") return null;
  if (value.resourceType !== "Bundle") return [readResource(value)];
  const entries = Array.isArray(value.entry) ? (value.entry as readonly Json[]) : [];
  return entries
    .map((entry) => (isObject(entry) ? entry.resource : undefined))
    .filter(isObject)
    .slice(0, mostParts)
    .map(readResource);
}

function readResource(resource: JsonObject): Part {
  const kind = words(textOf(resource.resourceType) ?? "");
  const name = shortValue(resource.code) ?? shortValue(resource.vaccineCode) ?? shortValue(resource.name) ?? textOf(resource.title);
  const lines: Line[] = [];
  for (const [key, value] of Object.entries(resource)) {
    if (!machinery.has(key)) collect(words(key), value, lines, 0);
  }
  return { heading: name === undefined ? kind : `${kind}: ${name}`, lines };
}

function collect(name: string, value: Json, lines: Line[], depth: number): void {
  const short = shortValue(value);
  if (short !== undefined) lines.push({ name, value: short });
  else if (depth >= mostDepth) lines.push({ name, value: "…" });
  else if (Array.isArray(value)) for (const one of value as readonly Json[]) collect(name, one, lines, depth + 1);
  else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (!machinery.has(key)) collect(`${name} › ${words(key)}`, inner, lines, depth + 1);
    }
  }
}

/** A value that fits on one line: a primitive, or one of FHIR's small data types (https://hl7.org/fhir/datatypes.html). */
function shortValue(value: Json | undefined): string | undefined {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) {
    const all = (value as readonly Json[]).map(shortValue);
    return all.length > 0 && all.every((one) => one !== undefined) ? all.join(", ") : undefined;
  }
  if (!isObject(value)) return undefined;
  return quantity(value) ?? coded(value) ?? personName(value) ?? period(value) ?? identifier(value) ?? reference(value);
}

function quantity(value: JsonObject): string | undefined {
  if (typeof value.value !== "number") return undefined;
  const unit = textOf(value.unit) ?? textOf(value.code) ?? "";
  return `${textOf(value.comparator) ?? ""}${String(value.value)} ${unit}`.trim();
}

function coded(value: JsonObject): string | undefined {
  if (textOf(value.text) !== undefined) return textOf(value.text);
  if (Array.isArray(value.coding)) {
    const codes = (value.coding as readonly Json[]).filter(isObject).map((one) => textOf(one.display) ?? textOf(one.code));
    return codes.find((one) => one !== undefined);
  }
  return textOf(value.system) !== undefined ? (textOf(value.display) ?? textOf(value.code)) : undefined;
}

function personName(value: JsonObject): string | undefined {
  if (value.family === undefined && value.given === undefined) return undefined;
  const given = Array.isArray(value.given) ? (value.given as readonly Json[]).map(textOf) : [];
  return [...given, textOf(value.family)].filter((one) => one !== undefined).join(" ");
}

function period(value: JsonObject): string | undefined {
  const [start, end] = [textOf(value.start), textOf(value.end)];
  return start === undefined && end === undefined ? undefined : `${start ?? "…"} – ${end ?? "…"}`;
}

function identifier(value: JsonObject): string | undefined {
  return textOf(value.value);
}

function reference(value: JsonObject): string | undefined {
  return textOf(value.display) ?? textOf(value.reference);
}

/** `effectiveDateTime` as "Effective date time": FHIR's own words, which are English in every language. */
function words(name: string): string {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
