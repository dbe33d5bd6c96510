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

/** What is shown of a file, and whether that is all that is written in it. */
export interface Page {
  readonly parts: readonly Part[];
  readonly isCut: boolean;
}

const mostParts = 200;
const mostDepth = 8;
/** Of a resource, kept out of sight: what machines need. */
const machinery: ReadonlySet<string> = new Set(["resourceType", "meta", "text", "id", "implicitRules", "contained"]);
/** Narratives that say what the data says once more (NarrativeStatus); any other may say more. */
const generated: ReadonlySet<Json> = new Set(["generated", "extensions", "empty"]);

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter(isObject) : [];
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

/** The resources of a FHIR document, a Bundle opened; null when `json` is something else. */
export function readFhir(json: unknown): Page | null {
  const value = json as Json;
  if (!isObject(value) || typeof value.resourceType !== "string") return null;
  const isBundle = value.resourceType === "Bundle";
  const resources = isBundle ? objectsOf(value.entry).map(({ resource }) => resource).filter(isObject) : [value];
  const all = resources.flatMap((resource) => [resource, ...objectsOf(resource.contained)]);
  const reader = new Reader();
  const parts = all.slice(0, mostParts).map((resource) => reader.read(resource, resources.includes(resource)));
  return { parts, isCut: reader.isCut || all.length > mostParts };
}

class Reader {
  isCut = false;

  /** One resource; what is contained in another is found by its id, which that one names. */
  read(resource: JsonObject, isWhole: boolean): Part {
    const kind = words(textOf(resource.resourceType) ?? "");
    const [about] = [resource.code, resource.vaccineCode, resource.name].flatMap(names);
    const name = about ?? textOf(resource.name) ?? textOf(resource.title);
    const id = isWhole ? undefined : textOf(resource.id);
    const lines: Line[] = [];
    if (isObject(resource.text) && !generated.has(resource.text.status ?? null)) this.collect(words("text"), resource.text, lines, 0);
    for (const [key, value] of Object.entries(resource)) {
      if (!machinery.has(key)) this.collect(words(key), value, lines, 0);
    }
    const heading = name === undefined ? kind : `${kind}: ${name}`;
    return { heading: id === undefined ? heading : `${heading} (#${id})`, lines };
  }

  private collect(name: string, value: Json, lines: Line[], depth: number): void {
    const short = isObject(value) ? (narrative(value) ?? shortValue(value)) : shortValue(value);
    if (short !== undefined) lines.push({ name, value: short });
    else if (depth >= mostDepth) {
      this.isCut = true;
      lines.push({ name, value: "…" });
    } else if (Array.isArray(value)) {
      for (const one of value as readonly Json[]) this.collect(name, one, lines, depth + 1);
    } else if (isObject(value)) {
      for (const [key, inner] of Object.entries(value)) {
        if (key !== "id") this.collect(`${name} › ${words(key)}`, inner, lines, depth + 1);
      }
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
  const named = names(value);
  return quantity(value) ?? (named.length > 0 ? named.join(" / ") : undefined) ?? period(value) ?? identifier(value) ?? reference(value);
}

/** The words of XHTML that came along, without what a browser would make of it. */
function narrative(value: JsonObject): string | undefined {
  const div = hasOnly(value, "status", "div") ? textOf(value.div) : undefined;
  return div?.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim();
}

/** Whether nothing else is written in it, so that a short form drops nothing. */
function hasOnly(value: JsonObject, ...keys: readonly string[]): boolean {
  return Object.keys(value).every((key) => key === "id" || keys.includes(key));
}

function quantity(value: JsonObject): string | undefined {
  if (typeof value.value !== "number" || !hasOnly(value, "value", "comparator", "unit", "system", "code")) return undefined;
  const unit = textOf(value.unit) ?? textOf(value.code) ?? "";
  return `${textOf(value.comparator) ?? ""}${String(value.value)} ${unit}`.trim();
}

/** What a concept or a person is called, its own words first. */
function names(value: Json | undefined): readonly string[] {
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap(names);
  if (!isObject(value)) return [];
  return coded(value) ?? personName(value) ?? [];
}

function coded(value: JsonObject): readonly string[] | undefined {
  if (hasOnly(value, "text", "coding")) {
    const written = [value, ...objectsOf(value.coding)].map(
      (one) => textOf(one.text) ?? textOf(one.display) ?? textOf(one.code),
    );
    return [...new Set(written.filter((one) => one !== undefined))];
  }
  const isCoding = hasOnly(value, "system", "version", "code", "display", "userSelected") && textOf(value.system) !== undefined;
  const name = isCoding ? (textOf(value.display) ?? textOf(value.code)) : undefined;
  return name === undefined ? undefined : [name];
}

function personName(value: JsonObject): readonly string[] | undefined {
  if (!hasOnly(value, "use", "text", "family", "given", "prefix", "suffix")) return undefined;
  const parts = [value.prefix, value.given, value.family, value.suffix].flatMap((part) => (Array.isArray(part) ? part : [part]) as readonly Json[]);
  const whole = parts.map(textOf).filter((one) => one !== undefined).join(" ");
  const name = textOf(value.text) ?? whole;
  return whole === "" ? undefined : [name];
}

function period(value: JsonObject): string | undefined {
  const [start, end] = [textOf(value.start), textOf(value.end)];
  if ((start === undefined && end === undefined) || !hasOnly(value, "start", "end")) return undefined;
  return `${start ?? "…"} – ${end ?? "…"}`;
}

/** Also a telephone number or an address for mail. */
function identifier(value: JsonObject): string | undefined {
  const [written, use] = [textOf(value.value), textOf(value.use)];
  if (written === undefined || !hasOnly(value, "value", "use", "system", "rank")) return undefined;
  return use === undefined ? written : `${written} (${use})`;
}

function reference(value: JsonObject): string | undefined {
  return hasOnly(value, "reference", "type", "display") ? (textOf(value.display) ?? textOf(value.reference)) : undefined;
}

/** `effectiveDateTime` as "Effective date time": FHIR's own words, which are English in every language. */
function words(name: string): string {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
