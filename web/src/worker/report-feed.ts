/** Tells the page of the list of reports, in pieces. */
import type { ReportRow } from "../engine/interface.ts";
import { toSent, type ReportsMessage } from "./protocol.ts";
import type { Refused } from "./repair.ts";

const ROWS_AT_ONCE = 2000;

export class ReportFeed {
  send: (message: ReportsMessage) => void = () => {};

  begin(status: "closed" | "loading"): void {
    this.send({ step: "begin", status, error: null });
  }

  fail(error: unknown): void {
    this.send({ step: "begin", status: "failed", error: toSent(error) });
  }

  show(rows: readonly ReportRow[], refused: readonly Refused[]): void {
    for (let at = 0; at === 0 || at < rows.length; at += ROWS_AT_ONCE) {
      this.send({ step: "rows", rows: rows.slice(at, at + ROWS_AT_ONCE), isFirst: at === 0 });
    }
    this.send({
      step: "end",
      refused: refused.map(({ report, error }) => ({ report, error: toSent(error) })),
    });
  }
}
