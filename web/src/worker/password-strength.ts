/**
 * Whether a password is strong enough to guard a vault whose ciphertext anyone may hold: guessing
 * costs an attacker one Argon2id a try, which buys a factor, not safety (hygieia/client/passwords.py).
 */
import { normalisePassword } from "../crypto/kdf.ts";
import type { PasswordJudgement } from "../engine/interface.ts";
import { EngineError, invalid } from "../refusal.ts";

// zxcvbn's scale ends at 4 (over 10^10 guesses); 3 means over 10^8, each of them an Argon2id.
const LEAST_SCORE = 3;
// zxcvbn's time grows quickly with length, and nothing this long is weak for being short.
const JUDGED_CHARACTERS = 72;

export interface About {
  readonly email: string;
  readonly name: string;
}

export async function judgePassword(password: string, about: About): Promise<PasswordJudgement> {
  let normal: string;
  try {
    normal = normalisePassword(password);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const rule = error.facts.rule as PasswordJudgement["rule"] | undefined;
    return { acceptable: false, score: 0, rule: rule ?? "characters" };
  }
  const { score } = await scoreOf(normal, about);
  const acceptable = score >= LEAST_SCORE;
  return { acceptable, score, rule: acceptable ? "ok" : "weak" };
}

/** The normalised password if it may guard an account; throws `invalid-input`. */
export async function checkStrength(password: string, about: About): Promise<string> {
  const normal = normalisePassword(password);
  if ((await scoreOf(normal, about)).score < LEAST_SCORE) {
    throw invalid("password", "weak", "This password is too easy to guess.");
  }
  return normal;
}

async function scoreOf(normal: string, { email, name }: About): Promise<{ score: 0 | 1 | 2 | 3 | 4 }> {
  const personal = [email, email.split("@")[0]!, name, ...name.split(/\s+/)].filter((word) => word !== "");
  const zxcvbn = await loadJudge();
  return zxcvbn(normal.slice(0, JUDGED_CHARACTERS), personal);
}

type Judge = (password: string, personal: string[]) => { score: 0 | 1 | 2 | 3 | 4 };
let judge: Promise<Judge> | undefined;

/** The dictionaries are a megabyte: they come when a password is typed for the first time. */
function loadJudge(): Promise<Judge> {
  judge ??= (async () => {
    const [core, common, english] = await Promise.all([
      import("@zxcvbn-ts/core"),
      import("@zxcvbn-ts/language-common"),
      import("@zxcvbn-ts/language-en"),
    ]);
    const factory = new core.ZxcvbnFactory({
      dictionary: { ...common.dictionary, ...english.dictionary },
      graphs: common.adjacencyGraphs,
      translations: english.translations,
    });
    return (password, personal) => factory.check(password, personal);
  })();
  return judge;
}
