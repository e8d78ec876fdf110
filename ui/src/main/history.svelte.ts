// What has ended, a page at a time. The newest question wins: answers to older ones are dropped.
import type { HistoryEntry } from "../bindings/HistoryEntry";
import type { HistoryFilter } from "../bindings/HistoryFilter";
import * as ipc from "../lib/ipc";

/** Entries asked for at a time. */
export const PAGE = 200;

export const EVERYTHING: HistoryFilter = { text: null, outcome: null, account: null };

export class History {
  entries = $state.raw<HistoryEntry[]>([]);
  /** What the entries were filtered by; nothing before the first answer. */
  shown = $state.raw<HistoryFilter | null>(null);
  /** Older ones may follow. */
  more = $state(false);
  failure = $state<string | null>(null);
  #wanted: HistoryFilter = EVERYTHING;
  #asking = false;

  /** Shows what passes this filter, from the newest on. The same filter again brings what is new. */
  async show(filter: HistoryFilter): Promise<void> {
    this.#wanted = filter;
    if (this.#asking) return;
    this.#asking = true;
    let asked: HistoryFilter;
    do {
      asked = this.#wanted;
      await this.#ask(asked, null, (first) => this.#replace(first, asked));
    } while (asked !== this.#wanted);
    this.#asking = false;
  }

  /** Shows the next older ones too. */
  async older(): Promise<void> {
    const filter = this.shown;
    const last = this.entries.at(-1);
    if (this.#asking || !this.more || filter === null || last === undefined) return;
    this.#asking = true;
    await this.#ask(filter, last, (older) => {
      this.entries = [...this.entries, ...older];
      this.more = older.length === PAGE;
    });
    this.#asking = false;
    if (this.#wanted !== filter) await this.show(this.#wanted);
  }

  async #ask(
    filter: HistoryFilter,
    before: HistoryEntry | null,
    take: (entries: HistoryEntry[]) => void,
  ): Promise<void> {
    try {
      const entries = await ipc.history(PAGE, before?.id ?? null, filter);
      if (before === null && filter !== this.#wanted) return;
      this.failure = null;
      take(entries);
    } catch (error) {
      this.failure = ipc.message(error);
    }
  }

  #replace(first: HistoryEntry[], filter: HistoryFilter): void {
    const fresh = new Set(first.map((entry) => entry.id));
    const known = this.entries.findIndex((entry) => fresh.has(entry.id));
    if (this.shown !== null && same(this.shown, filter) && known >= 0) {
      // Pages that were shown already stay below what is new.
      this.entries = [...first, ...this.entries.filter((entry) => !fresh.has(entry.id))];
    } else {
      this.entries = first;
      this.more = first.length === PAGE;
    }
    this.shown = filter;
  }
}

function same(a: HistoryFilter, b: HistoryFilter): boolean {
  return a.text === b.text && a.outcome === b.outcome && a.account === b.account;
}
