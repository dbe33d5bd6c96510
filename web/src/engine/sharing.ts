/**
 * Sharing, for the screens: people, readers, what others share, standing delegations, activity
 * (docs/spec 15-18). `Engine` has all of it; it stands in a file of its own for its length.
 *
 * A person is named by email where she is looked for or decided on, and by key id where something
 * signed is shown. Ids of reports and delegations are 32 lower-case hex digits, keys 64.
 */
import type { ActivityCheck, ActivityPage } from "./activity.ts";
import type { EngineError } from "./errors.ts";
import type { Feed } from "./feed.ts";
import type { Named, Trust } from "./named.ts";
import type { SignatureVerdict } from "./reports.ts";

// ---- people --------------------------------------------------------------------------------

/** A contact as this vault's own signed index says it, not as a server does. */
export interface Contact {
  /** The pinned key. */
  readonly key: string;
  readonly email: string;
  /** Her own words, or the server's: text, never proof. May be empty. */
  readonly name: string;
  /**
   * `unverified`: one report at a time, no delegation. `changed`: the server shows another key;
   * nothing is encrypted to either until `acceptPerson`, or `forget`.
   */
  readonly trust: Trust;
  /** The pinned certificate is revoked or expired: nothing can be shared with her. */
  readonly isUsable: boolean;
  /** Keys she had before that count as her. */
  readonly formerKeys: readonly string[];
}

/** A person looked up: pinned now, with what has to be compared. */
export interface Meeting {
  readonly contact: Contact;
  /** Whether she was met for the first time just now. */
  readonly isNew: boolean;
  /** The server shows no key for her (any more): the pin still stands. */
  readonly isGone: boolean;
  /** The key whose number is to be compared: the offered one where it has changed. */
  readonly key: string;
  /** Eight groups of five digits, the same on her screen: Argon2id, some 200 ms. */
  readonly groups: readonly string[];
  /** What the QR code holds (`hygieia:safety:1:…`): the same on both screens. */
  readonly code: string;
}

/** How both convinced themselves that `Meeting.key` is hers. */
export type Comparison =
  /** "They match": `key` is the one whose number was on the screen. */
  | { readonly kind: "seen"; readonly key: string }
  /** The number as she read it out, however spaced. */
  | { readonly kind: "number"; readonly text: string }
  /** What the camera read off her screen. */
  | { readonly kind: "code"; readonly text: string };

/** Why somebody is not given a report; `lapsed`: her delegation is over. */
export type WhyLeftOut = "stranger" | "changed" | "unusable" | "unverified" | "lapsed";

/** What happened without her doing, or otherwise than she may think: it stands until she has seen it. */
export type Notice = { readonly id: string; readonly reports: readonly string[] } & (
  /** Delegates, or readers of before, who were not given what was stored. */
  | { readonly kind: "left-out"; readonly people: readonly (Named & { readonly why: WhyLeftOut })[] }
  /** Off a report of mine: by another device of mine, or by the server. */
  | { readonly kind: "taken-off"; readonly people: readonly Named[]; readonly unnamed: number }
  /** A delegation came, or an end of one, that does not verify; `from` sent it, by the server's word. */
  | { readonly kind: "message"; readonly from: string | null; readonly error: EngineError }
);

// ---- who reads a report --------------------------------------------------------------------

export interface Reader extends Named {
  readonly isOwner: boolean;
  /** The delegation that she reads it by; null when it was shared by hand. */
  readonly delegation: string | null;
}

/** Who reads a report now: by the index, and by notes of others that verified. */
export interface Readers {
  readonly report: string;
  readonly readers: readonly Reader[];
  /** Taken off since the session key was last new: old copies may still open for them. */
  readonly removed: readonly Named[];
  /** Who reads it no more and had an earlier version: that opens for them until a new key for the report. */
  readonly earlier: readonly Named[];
  /** Packets of the header that nobody's note names ("readers differ"); a new key drops them. */
  readonly unnamed: number;
  /** Only the owner takes readers off, or gives a new key. */
  readonly isMine: boolean;
}

/** What somebody changed in a report since it was last read here. */
export interface Meanwhile {
  /** Revision before and now; equal when only its readers changed. */
  readonly revisions: readonly [before: number, now: number];
  /** Title before and now, where it changed. */
  readonly titles: readonly [before: string, now: string] | null;
  readonly isContentNew: boolean;
  readonly areReadersNew: boolean;
}

/** What became of one report of a share, an unshare or a giving back. */
export interface ShareOutcome {
  readonly report: string;
  /** As it is known here: of a report that somebody gives back the list may know nothing yet. */
  readonly title: string;
  readonly state:
    /** Durable at the server, and in the index. */
    | "done"
    /** They could read it already, or could not read it anyway. */
    | "unchanged"
    /** Somebody changed it at the same moment; nothing was written. Share it again with `retry`. */
    | "stale"
    | "failed"
    /** Not begun: an error before it stopped the rest. */
    | "left";
  readonly error: EngineError | null;
  readonly meanwhile: Meanwhile | null;
}

export interface ShareProgress {
  readonly done: number;
  readonly total: number;
}

/** What a new session key will do to the readers of a report, before it is made. */
export interface RekeyPlan {
  readonly report: string;
  readonly sizeBytes: number;
  /** Wrapped anew. */
  readonly kept: readonly Reader[];
  /** Left out unless kept by name: nobody this vault knows, a changed key, a revoked one. */
  readonly leftOut: readonly (Reader & { readonly why: WhyLeftOut })[];
  readonly removed: readonly Named[];
  readonly unnamed: number;
  /** Versions before the current one, oldest first: dropped, or issued again for the owner alone. */
  readonly earlier: readonly { readonly revision: number; readonly sizeBytes: number }[];
  /** Whether one was begun in this browser and interrupted: the next goes on where it was. */
  readonly isBegun: boolean;
}

// ---- what others share with me ---------------------------------------------------------------

export interface Received {
  readonly report: string;
  /**
   * `accepted`: in the index, an ordinary row of `reports`. `stranger`: waits, closed; nothing of it
   * is shown. `refused`: does not verify, for `error`, or was deleted for good here (`conflict`). `ended`:
   * in the index, no longer shared.
   */
  readonly standing: "accepted" | "stranger" | "refused" | "ended";
  /** Who signed the note that shared it; of a stranger `email` and `name` are the server's words. */
  readonly sharer: Named;
  readonly shared: string;
  readonly sizeBytes: number;
  /** Of the report's own author; null where it was not opened. */
  readonly signature: SignatureVerdict | null;
  readonly author: Named | null;
  /** `claimed`: the owner herself has not signed any revision yet. */
  readonly ownership: "confirmed" | "claimed" | null;
  readonly error: EngineError | null;
}

export interface ReceivedList {
  readonly status: "closed" | "loading" | "ready" | "failed";
  /** Newest first. */
  readonly items: readonly Received[];
  readonly error: EngineError | null;
}

// ---- standing delegations --------------------------------------------------------------------

export type Right = "read" | "redelegate" | "upload";

/** Which reports a delegation is about; `"*"` is all of them. */
export interface Scope {
  readonly categories: readonly string[] | "*";
  /** Subjects as in `ReportRow.subject`. */
  readonly subjects: readonly string[] | "*";
  /** In which capacity the author wrote. */
  readonly professions: readonly string[] | "*";
}

export interface Delegation extends Scope {
  readonly id: string;
  readonly from: Named;
  readonly to: Named;
  readonly rights: readonly Right[];
  /** The delegation that this one passes on. */
  readonly parent: string | null;
  readonly created: string;
  readonly expires: string;
  /** `waiting`: a re-delegation that I have not confirmed yet, or that begins later. */
  readonly state: "active" | "waiting" | "expired";
  /** Given by me, received by me, or passed on between others about my record. */
  readonly side: "given" | "received" | "passed-on";
}

/** Somebody who lets me store such reports in her vault now; her `email` is known. */
export interface UploadRight extends Scope {
  readonly owner: Named;
  readonly expires: string;
}

export interface DelegationList {
  readonly status: "closed" | "loading" | "ready" | "failed";
  /** Newest first. One that was ended is gone: its end takes its place in the index. */
  readonly items: readonly Delegation[];
  readonly error: EngineError | null;
}

export interface NewDelegation extends Scope {
  /** Email of a verified contact. */
  readonly to: string;
  readonly rights: readonly Right[];
  /** At most a year from now. */
  readonly expires: string;
  /** The received delegation that this one passes on; null for my own record. */
  readonly parent: string | null;
}

/** Reports of mine that a person can still open: in the trash or not, under old keys too. */
export interface Readable {
  readonly stillReadable: readonly string[];
  /** Those of them of which the person can open earlier versions alone. */
  readonly earlier: readonly string[];
}

/** What an end leaves behind. */
export interface Ended extends Readable {
  readonly delegation: Delegation;
  /** False where the server has still to be told that nobody stores by it any more; it is told later. */
  readonly isServerTold: boolean;
}

// ---- what waits for a decision ---------------------------------------------------------------

export type Request =
  /** Somebody made a new key and asks for what she could read before (docs/spec/19, giving back). */
  | {
      readonly kind: "give-back";
      readonly id: string;
      readonly person: Contact;
      readonly formerKey: string;
      readonly reports: readonly string[];
      /** Held too, but in her trash, or shared no more: the server lets nobody give these back. */
      readonly closed: readonly string[];
    }
  /** A delegate of mine passes my delegation on; acts once I say so. */
  | { readonly kind: "redelegation"; readonly id: string; readonly delegation: Delegation }
  /** A key of mine before this one: reports it owned are mine again once I confirm it. */
  | { readonly kind: "former-key"; readonly id: string; readonly key: string; readonly reports: readonly string[] };

// ---- the engine's part -----------------------------------------------------------------------

export interface SharingEngine {
  /** In the order in which they were met; empty while the vault is closed. */
  readonly contacts: Feed<readonly Contact[]>;
  readonly received: Feed<ReceivedList>;
  readonly delegations: Feed<DelegationList>;
  /** What waits for the person: contacts whose key has changed are in `contacts`. */
  readonly requests: Feed<readonly Request[]>;
  /** Oldest first. */
  readonly notices: Feed<readonly Notice[]>;
  /** She has seen them. */
  seen(notices: readonly string[]): Promise<void>;

  // -- people
  /**
   * Asks the server for a person, and holds its answer against the pin: a new one is pinned,
   * unverified; another key makes her `changed` and is not used. Rejects with `invalid-input`
   * (no address, or one's own), `not-found` (nobody there), `certificate-refused`.
   */
  meet(email: string): Promise<Meeting>;
  /**
   * Enters that the numbers match. Rejects with `certificate-changed` when they differ, or when the
   * key is no longer the one that was seen, or is changed and not accepted; `invalid-input`, field
   * `number` or `code`, for what is no safety number.
   */
  verifyPerson(email: string, comparison: Comparison): Promise<Contact>;
  /** Takes the new key of a changed contact, the one that `key` was seen: unverified until compared. */
  acceptPerson(email: string, key: string): Promise<Contact>;
  /** Whose a key is: authors, owners and subjects of rows. */
  named(keys: readonly string[]): Promise<readonly Named[]>;

  // -- readers
  /**
   * Lets people read reports. Rejects, with nothing shared, when it must not begin:
   * `certificate-changed`, `certificate-refused` (`facts.person`), `forbidden` (several reports for
   * somebody unverified), `limit-exceeded` (more than 100 people), `conflict` (a report in the
   * trash), `invalid-input`. Afterwards each report has its own outcome.
   */
  share(
    request: { reports: readonly string[]; people: readonly string[]; retry?: boolean },
    onProgress?: (progress: ShareProgress) => void,
  ): Promise<readonly ShareOutcome[]>;
  /** Takes a person off reports of mine, under all her keys. What she could open she may have kept. */
  unshare(
    request: { reports: readonly string[]; person: string },
    onProgress?: (progress: ShareProgress) => void,
  ): Promise<readonly ShareOutcome[]>;
  /** Asks the server for notes of others too; without it, what the index lists. */
  readersOf(report: string): Promise<Readers>;
  /** By the index alone: what a contact, by email, can still open of mine. */
  stillReadable(person: string): Promise<Readable>;
  /** By the index alone: keys of who else reads, by report; reports that nobody else reads are absent. */
  sharedWith(): Promise<ReadonlyMap<string, readonly string[]>>;
  planRekey(report: string): Promise<RekeyPlan>;
  /**
   * New session key, new payloads streamed through this device; `keep` names who stays though left out,
   * `earlier` issues earlier versions again.
   */
  rekey(
    report: string,
    options: { keep: readonly string[]; earlier?: boolean },
    onProgress?: (progress: { doneBytes: number; totalBytes: number }) => void,
  ): Promise<Readers>;

  // -- shared with me
  refreshReceived(): Promise<void>;
  /**
   * Looks, without a word while it does or where it fails, for what others have shared, stored here or
   * sent since.
   */
  lookAgain(): Promise<void>;
  /** Enters a report from a stranger because the person says so. Rejects with what refused it. */
  acceptReceived(report: string): Promise<void>;

  // -- delegations
  refreshDelegations(): Promise<void>;
  /** By this vault's own index; each upload is held against it again, and the owner's has the last word. */
  uploadRights(): Promise<readonly UploadRight[]>;
  /** Reports of mine that a scope is about now, trash excluded. */
  reportsIn(scope: Scope): Promise<readonly string[]>;
  /** Rejects with `forbidden` (not verified), `invalid-input` (field `expires`, `categories`, …). */
  delegate(request: NewDelegation): Promise<Delegation>;
  /** Wraps reports of the past for a delegate; call again to go on where it stopped. */
  applyToPast(
    delegation: string,
    onProgress?: (progress: ShareProgress) => void,
  ): Promise<readonly ShareOutcome[]>;
  endDelegation(delegation: string): Promise<Ended>;

  // -- requests
  /** Says yes to a request: shares again, confirms a former key, enters a re-delegation. */
  grant(
    request: string,
    onProgress?: (progress: ShareProgress) => void,
  ): Promise<readonly ShareOutcome[]>;
  /** Reports in the trash that this vault's key does not open: put there under a key that was lost. */
  lockedInTrash(): Promise<readonly string[]>;
  /** Puts such reports back: then those who hold them can give them back. */
  takeOut(reports: readonly string[]): Promise<void>;
  /** Not now: it is shown again at the next unlock. */
  postpone(request: string): Promise<void>;
  /** No, for good: of a re-delegation, which then never acts. */
  refuse(request: string): Promise<void>;

  // -- activity
  activity(query: { after: string | null; limit: number }): Promise<ActivityPage>;
  checkActivity(): Promise<ActivityCheck>;
  /** The trail as it is now is the one to hold the server to: after it was set up from a backup. */
  acceptActivity(): Promise<void>;
  /** The whole trail as JSON lines, to be saved. */
  exportActivity(): Promise<{ fileName: string; bytes: Uint8Array<ArrayBuffer> }>;
}
