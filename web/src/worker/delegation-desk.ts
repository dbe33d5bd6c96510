/**
 * What waits in the inbox: delegations to this user, their ends, and what others pass on of hers
 * (docs/spec/17-delegations.md §4). Each note is verified by the certificate pinned for its signer;
 * what nobody she knows signed waits, closed.
 */
import { readCarried, type CarriedNote } from "../crypto/notes.ts";
import type { Request } from "../engine/interface.ts";
import type { JsonObject } from "../json.ts";
import { EngineError, isRefusal, refusal } from "../refusal.ts";
import { END_CONTEXT, openDelegation, readEnd, recordOf, type Delegation } from "../vault/delegation.ts";
import { isEnd, type Delegations } from "../vault/delegations.ts";
import type { Change } from "../vault/index/changes.ts";
import type { Delegating } from "./delegating.ts";
import { acknowledge, readMessages, type Message } from "./messages.ts";
import { delegationsOf } from "./recipients.ts";
import { forbid } from "./uploaders.ts";
import type { Vault } from "./vault.ts";

/** A re-delegation that waits for the owner of the record. */
interface Waiting {
  readonly message: string;
  readonly delegation: Delegation;
  readonly note: CarriedNote;
}

/** What is to be done with a message; `keep` leaves it where it is, an error is shown to her first. */
type Verdict = Change | "drop" | "keep" | Waiting | EngineError;

export class DelegationDesk {
  private readonly vault: Vault;
  private readonly delegating: Delegating;
  private waiting = new Map<string, Waiting>();
  /** Notes of messages that waited at the last look, by root. */
  private opened = new Map<string, JsonObject>();

  constructor(vault: Vault, delegating: Delegating) {
    this.vault = vault;
    this.delegating = delegating;
  }

  /** Reads the inbox; what is for this user is entered in the index and acknowledged. */
  async look(): Promise<void> {
    const messages = await readMessages(this.vault, this.opened);
    this.opened = new Map(messages.flatMap(({ root, carried }) => (carried instanceof EngineError ? [] : [[root, carried]])));
    const isAnEnd = ({ carried }: Message): boolean => !(carried instanceof EngineError) && isEnd(carried);
    // Starts before ends, and entered before the ends are looked at.
    const waiting = new Map<string, Waiting>();
    await this.take(messages.filter((each) => !isAnEnd(each)), waiting);
    await this.take(messages.filter(isAnEnd), waiting);
    this.waiting = waiting;
  }

  private async take(messages: readonly Message[], waiting: Map<string, Waiting>): Promise<void> {
    const { vault } = this;
    const delegations = await delegationsOf(vault);
    const changes: Change[] = [];
    const done: string[] = [];
    for (const { id, carried, sender } of messages) {
      const verdict = carried instanceof EngineError ? carried : await this.judge(id, carried as CarriedNote, delegations);
      if (verdict === "keep") continue;
      if (verdict instanceof EngineError) {
        vault.onNotice({ kind: "message", id, reports: [], from: sender, error: verdict });
        continue;
      }
      if (typeof verdict === "object" && "message" in verdict) {
        waiting.set(verdict.delegation.id, verdict);
        continue;
      }
      if (verdict !== "drop") changes.push(verdict);
      done.push(id);
    }
    await vault.index.change(changes);
    const { ended } = await delegationsOf(vault);
    const fallen = delegations.all().filter(({ id }) => ended.has(id));
    await forbid(vault, fallen.flatMap((each) => [each, ...delegations.below(each.id)]));
    for (const id of done) await acknowledge(vault, id);
  }

  private async judge(message: string, note: CarriedNote, held: Delegations): Promise<Verdict> {
    try {
      if (isEnd(note)) return await this.judgeEnd(note, held);
      const people = this.vault.people();
      const delegation = await openDelegation(note, people);
      if (held.ended.has(delegation.id) || held.find(delegation.id) !== undefined) return "drop";
      if (people.isMe(delegation.to)) return { kind: "put-delegation", delegation: note };
      const isMine = delegation.parent !== null && people.isMe(recordOf(delegation));
      return isMine ? { message, delegation, note } : refused("A delegation came that is about somebody else.");
    } catch (error) {
      if (isRefusal(error, "note-refused", "certificate-refused")) return error;
      if (!isRefusal(error, "delegation-refused")) throw error;
      // Signed by nobody she knows yet, or not rightly: the first waits.
      return (await this.isByStranger(note)) ? "keep" : error;
    }
  }

  private async isByStranger(note: CarriedNote): Promise<boolean> {
    const from = readCarried(note, "hygieia delegation 1").body["from"];
    return typeof from === "string" && (await this.vault.people().certificate(from)) === null;
  }

  /** An end counts when it is by who gave the delegation, or by whose record it is about. */
  private async judgeEnd(carried: CarriedNote, held: Delegations): Promise<Verdict> {
    const note = readCarried(carried, END_CONTEXT);
    const { delegation: id } = readEnd(note.body);
    if (held.ended.has(id)) return "drop";
    const delegation = held.find(id);
    // Its start may be waiting still; an end that is early is kept, and does no harm.
    if (delegation === undefined) return "keep";
    const people = this.vault.people();
    for (const signer of new Set([delegation.from, recordOf(delegation)])) {
      if ((await people.verify(note, signer)) === "valid") return { kind: "put-delegation", delegation: carried };
    }
    return refused("An end was not signed by who gave the delegation.");
  }

  /** What waits for a yes or a no. */
  requests(): Request[] {
    return [...this.waiting.values()].map(({ delegation }) => ({
      kind: "redelegation",
      id: delegation.id,
      delegation: this.delegating.shown(delegation, true),
    }));
  }

  /** Enters a re-delegation, which acts from now on; throws what refuses it. */
  async confirm(id: string): Promise<void> {
    const { delegation, note, message } = this.find(id);
    await this.delegating.confirm(delegation, note);
    await acknowledge(this.vault, message);
    this.waiting.delete(id);
  }

  async refuse(id: string): Promise<void> {
    const { message } = this.find(id);
    await this.drop(message);
    this.waiting.delete(id);
  }

  /** A message that she has seen, or said no to: the server lets it go. */
  drop(message: string): Promise<void> {
    return acknowledge(this.vault, message);
  }

  private find(id: string): Waiting {
    const found = this.waiting.get(id);
    if (found === undefined) throw refusal("not-found", "There is no such request.");
    return found;
  }
}

function refused(message: string): EngineError {
  return refusal("delegation-refused", message);
}
