// The codes on display. Only those in view are asked for, and those that leave it are forgotten.
import type { CodeEntry } from "../bindings/CodeEntry";
import type { CodeId } from "../bindings/CodeId";
import type { ShownCode } from "../bindings/ShownCode";
import * as ipc from "../lib/ipc";

/** After a failure it is asked again so much later, in seconds. */
const AGAIN = 5;

export class Display {
  codes = $state.raw<ReadonlyMap<CodeId, ShownCode>>(new Map());
  failure = $state<string | null>(null);
  #asking = false;
  #failedAt = 0;

  /** These follow the clock and are in view. Asks for codes that are not known or whose time is over. */
  async show(ids: CodeId[], now: number): Promise<void> {
    const wanted = new Set(ids);
    const known = [...this.codes.values()];
    const kept = known.filter((code) => code.until_ms === null || wanted.has(code.id));
    if (kept.length < known.length) this.codes = byId(kept);
    const due = ids.filter((id) => !isCurrent(this.codes.get(id), now));
    if (due.length === 0 || this.#asking || now - this.#failedAt < AGAIN) return;
    this.#asking = true;
    try {
      this.take(await ipc.showCodes(due));
      this.failure = null;
    } catch (error) {
      this.failure = ipc.message(error);
      this.#failedAt = now;
    }
    this.#asking = false;
  }

  take(codes: ShownCode[]): void {
    this.codes = new Map([...this.codes, ...byId(codes)]);
  }

  /** They do not count any more: all of them, or those that follow the clock. */
  forget(which: "all" | "timed"): void {
    const kept = [...this.codes.values()].filter((code) => which === "timed" && code.until_ms === null);
    this.codes = byId(kept);
    this.#failedAt = 0;
  }
}

/** Whether it can still be typed somewhere. A code by a counter stays until the next one. */
export function isCurrent(code: ShownCode | undefined, now: number): code is ShownCode {
  return code !== undefined && (code.until_ms === null || code.until_ms > now * 1000);
}

/** Seconds; nothing for what follows a counter. */
export function periodOf({ kind }: CodeEntry): number | null {
  switch (kind.kind) {
    case "totp":
      return kind.period;
    case "steam":
      return 30;
    case "hotp":
      return null;
  }
}

/** How many characters its codes have. */
export function lengthOf({ kind }: CodeEntry): number {
  return kind.kind === "steam" ? 5 : kind.digits;
}

/** Groups that can be read and typed one at a time. */
export function grouped(code: string): string[] {
  const sizes: Record<number, number[]> = { 6: [3, 3], 7: [3, 4], 8: [4, 4], 9: [3, 3, 3], 10: [5, 5] };
  const groups: string[] = [];
  let from = 0;
  for (const size of sizes[code.length] ?? [code.length]) {
    groups.push(code.slice(from, from + size));
    from += size;
  }
  return groups;
}

/** As people call it. Either part may be empty. */
export function nameOf({ issuer, account }: { issuer: string; account: string }): string {
  return [issuer, account].filter((part) => part !== "").join(", ");
}

function byId(codes: ShownCode[]): Map<CodeId, ShownCode> {
  return new Map(codes.map((code) => [code.id, code]));
}
