/**
 * The recovery code (docs/spec/03): eight groups of four Crockford base32 symbols, three random and
 * the fourth a check on its group and the group's place.
 */
import { randomBelow, sha256, utf8 } from "../bytes.ts";
import { LIMITS } from "../limits.ts";
import { refusal, type EngineError } from "../refusal.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS = LIMITS.RECOVERY_CODE_GROUPS;
const GROUP_SYMBOLS = 4;
const MAX_TYPED_CHARACTERS = 256;

/** A new code as it is printed: `XXXX-XXXX-…`. */
export async function makeCode(): Promise<string> {
  const groups: string[] = [];
  for (let number = 1; number <= GROUPS; number++) {
    let symbols = "";
    for (let i = 1; i < GROUP_SYMBOLS; i++) symbols += ALPHABET[randomBelow(32)];
    groups.push(symbols + (await checkSymbol(number, symbols)));
  }
  return groups.join("-");
}

/** Case, O for 0, I and L for 1, spaces and dashes forgiven. */
function typedGroups(text: string): string[] {
  const symbols = text
    .slice(0, MAX_TYPED_CHARACTERS)
    .replace(/[ \-\t\r\n\u00a0\u2010-\u2014\u2212]/g, "")
    .toUpperCase()
    .replace(/O/g, "0")
    .replace(/[IL]/g, "1");
  return symbols.match(/[^]{1,4}/gu) ?? [];
}

/** The printed form of a typed code; throws `invalid-input` naming the group that is wrong. */
export async function parseCode(text: string): Promise<string> {
  const groups = typedGroups(text);
  for (const [place, group] of groups.slice(0, GROUPS).entries()) {
    if (!(await isGroup(place + 1, group))) throw mistyped([place + 1]);
  }
  if (groups.length !== GROUPS || text.length > MAX_TYPED_CHARACTERS) throw mistyped([]);
  return groups.join("-");
}

/** Which groups of what is typed so far cannot be right, and whether all are there. */
export async function checkCode(text: string): Promise<{ isComplete: boolean; wrongGroups: number[] }> {
  const groups = typedGroups(text);
  const wrongGroups: number[] = [];
  for (const [place, group] of groups.entries()) {
    const isRight = place < GROUPS && (await isGroup(place + 1, group));
    if (!isRight && group.length === GROUP_SYMBOLS) wrongGroups.push(Math.min(place + 1, GROUPS));
  }
  const isWhole = groups.length === GROUPS && groups.every(({ length }) => length === GROUP_SYMBOLS);
  return { isComplete: isWhole && wrongGroups.length === 0, wrongGroups };
}

/** One group, typed alone, in its printed form; throws `invalid-input`. */
export async function parseGroup(number: number, text: string): Promise<string> {
  const [group, ...rest] = typedGroups(text);
  if (group === undefined || rest.length > 0 || !(await isGroup(number, group))) throw mistyped([number]);
  return group;
}

export function mistyped(groups: readonly number[]): EngineError {
  const message =
    groups.length === 0
      ? `A recovery code has ${GROUPS} groups of ${GROUP_SYMBOLS} symbols.`
      : `Group ${groups.join(", ")} of the recovery code is mistyped.`;
  return refusal("invalid-input", message, { field: "code", rule: "shape", groups });
}

async function isGroup(number: number, group: string): Promise<boolean> {
  if (group.length !== GROUP_SYMBOLS) return false;
  if (![...group].every((symbol) => ALPHABET.includes(symbol))) return false;
  return group[3] === (await checkSymbol(number, group.slice(0, 3)));
}

/** The symbol for the first five bits of SHA-256(group number as a digit ‖ the three). */
async function checkSymbol(number: number, symbols: string): Promise<string> {
  const digest = await sha256(utf8(`${number}${symbols}`));
  return ALPHABET[digest[0]! >> 3]!;
}
