/** Reports as the screens list, show and verify them. */
import type { EngineError } from "./errors.ts";
import type { Named } from "./named.ts";

/** One row of the decrypted index. */
export interface ReportRow {
  readonly id: string;
  readonly cid: string;
  readonly title: string;
  readonly category: string;
  readonly fileName: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** When the report's current revision was made. */
  readonly created: string;
  readonly revision: number;
  readonly kind: string;
  readonly isMine: boolean;
  /** Key id of author and subject, and of the owner where it is not mine. */
  readonly author: string;
  readonly subject: string;
  /** How far the author is trusted, whose signature it bore when it was entered. */
  readonly signer: Named["trust"];
  /** Whose record it is, where it is not the vault owner's own; null where it is, or no name is known. */
  readonly subjectName: string | null;
  readonly owner: string;
  /** When it was put in the trash; null outside it. */
  readonly deleted: string | null;
  /** `waiting`: a change of it waits to be sent. */
  readonly state: "saved" | "waiting" | "missing" | "refused";
}

export interface ReportList {
  readonly status: "closed" | "loading" | "ready" | "failed";
  /** Newest first, the trash included (`deleted`). The array is new at every change. */
  readonly rows: readonly ReportRow[];
  /** Reports that the server names and that could not be opened: shown, closed. */
  readonly refused: readonly { readonly report: string; readonly error: EngineError }[];
  readonly error: EngineError | null;
}

/** Somebody without an account whose records a vault keeps. */
export interface Subject {
  /** `person:` and 32 hex digits, as in `ReportRow.subject`. */
  readonly id: string;
  readonly name: string;
}

export interface VersionRow {
  readonly cid: string;
  readonly revision: number;
  readonly created: string;
  readonly change: "create" | "update" | "edit" | "readers";
  readonly title: string;
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly isCurrent: boolean;
}

/** What a signature says; anything but `valid` must be shown above a preview. */
export type SignatureVerdict = "valid" | "unknown-signer" | "changed-key" | "invalid";

export interface Opened {
  readonly id: string;
  readonly revision: number;
  readonly fileName: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly signature: SignatureVerdict;
}

export interface Preview extends Opened {
  /** The whole plaintext, verified to its end. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}


export interface Check {
  readonly name: "blocks" | "index" | "signature" | "meta" | "content" | "digest";
  readonly state: "running" | "good" | "bad" | "unknown";
  readonly error: EngineError | null;
}

export interface GatewayUse {
  readonly url: string;
  /** Blocks taken from it and found right. */
  readonly blocks: number;
  readonly bytes: number;
  readonly state: "used" | "unused" | "down" | "busy" | "lied" | "missing";
}

/** What a gateway gave of one report. */
export interface GatewayServed extends GatewayUse {
  /** Addresses of the blocks taken from it, in the order in which they came: the first few hundred. */
  readonly cids: readonly string[];
}

export interface Verification {
  readonly report: string;
  readonly cid: string;
  readonly sha256: string;
  /** Key id and v4 fingerprint of who signed; both texts are empty where nobody known has that key. */
  readonly signer: { readonly keyId: string; readonly fingerprint: string; readonly name: string };
  /** Null until it was read, and where it could not be. */
  readonly signature: SignatureVerdict | null;
  readonly checks: readonly Check[];
  readonly gateways: readonly GatewayServed[];
  readonly isDone: boolean;
  /** Lines for a shell that open this report without us. */
  readonly byHand: readonly string[];
}
