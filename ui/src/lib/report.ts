// Which requests can still be reported once they have ended.
import type { HistoryEntry } from "../bindings/HistoryEntry";

/** For how long after its end, in seconds (docs/protocol.md, section 5.4). */
export const REPORTABLE = 24 * 3600;

type Ended = Pick<HistoryEntry, "at" | "outcome" | "by_this_device" | "receipt" | "reported_at">;

/** `since`: an end before this is too long ago. What was approved or reported here is nothing that others did. */
export function reportable(ended: Ended, since: number): boolean {
  const done = ended.outcome === "reported" || (ended.outcome === "approved" && ended.by_this_device);
  return !done && ended.receipt !== "none" && ended.reported_at === null && ended.at >= since;
}
