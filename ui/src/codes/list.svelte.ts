// The entries of the vault that were looked at, by their place. The agent searches; the newest question wins.
import type { CodeEntry } from "../bindings/CodeEntry";
import type { CodeId } from "../bindings/CodeId";
import type { CodesPage } from "../bindings/CodesPage";
import * as ipc from "../lib/ipc";

/** Asked for with each key press: more than a window shows. */
export const FIRST = 50;
/** Asked for when it is scrolled there. */
export const PAGE = 200;

export interface Question {
  query: string;
  tag: string | null;
}

export class CodesList {
  /** By place. Places that were not looked at are not there. */
  entries = $state.raw<ReadonlyMap<number, CodeEntry>>(new Map());
  total = $state(0);
  /** What the entries answer; nothing before the first answer. */
  shown = $state.raw<Question | null>(null);
  failure = $state<string | null>(null);
  /** Of the vault, when it was asked last. */
  revision = -1;
  #question: Question = { query: "", tag: null };
  /** Grows with each question: answers to older ones are dropped. */
  #asked = 0;
  #inView = { from: 0, to: FIRST };
  /** The question whose further places are being asked for. */
  #filling: number | null = null;
  /** The question that was answered last. */
  #answered = 0;

  /** Asks anew, and shows what comes from its beginning on. */
  ask(question: Question): Promise<void> {
    this.#question = question;
    this.#inView = { from: 0, to: FIRST };
    return this.refresh();
  }

  /** Asks again for what is in view. What was there stays until the answer comes. */
  async refresh(): Promise<void> {
    const asked = ++this.#asked;
    const question = this.#question;
    const { from } = this.#inView;
    const page = await this.#page(asked, from, FIRST);
    if (page === null) return;
    this.entries = placed(page.entries, from);
    this.total = page.total;
    this.revision = page.revision;
    this.shown = question;
    this.#answered = asked;
    this.look(this.#inView.from, this.#inView.to);
  }

  /** These places are in view. */
  look(from: number, to: number): void {
    this.#inView = { from, to };
    if (this.#answered === this.#asked && this.#filling !== this.#asked) void this.#fill(this.#asked);
  }

  placeOf(id: CodeId): number | null {
    for (const [place, entry] of this.entries) if (entry.id === id) return place;
    return null;
  }

  /** It is no longer there: the ones after it move up. */
  drop(id: CodeId): void {
    const gone = this.placeOf(id);
    if (gone === null) return;
    const left = [...this.entries].filter(([place]) => place !== gone);
    this.entries = new Map(left.map(([place, entry]) => [place > gone ? place - 1 : place, entry]));
    this.total -= 1;
  }

  #missing(): number | null {
    const end = Math.min(this.#inView.to, this.total);
    for (let place = this.#inView.from; place < end; place += 1) if (!this.entries.has(place)) return place;
    return null;
  }

  async #fill(asked: number): Promise<void> {
    this.#filling = asked;
    for (let from = this.#missing(); from !== null; from = this.#missing()) {
      const page = await this.#page(asked, from, PAGE);
      if (page === null || page.entries.length === 0) break;
      if (page.revision !== this.revision) {
        // Places have changed in between: none of those that are known counts.
        void this.refresh();
        break;
      }
      this.entries = new Map([...this.entries, ...placed(page.entries, from)]);
      this.total = page.total;
    }
    if (this.#filling === asked) this.#filling = null;
  }

  /** Nothing if it failed, or if something else was asked since. */
  async #page(asked: number, from: number, limit: number): Promise<CodesPage | null> {
    const { query, tag } = this.#question;
    try {
      const page = await ipc.listCodes(query, tag, from, limit);
      if (asked !== this.#asked) return null;
      this.failure = null;
      return page;
    } catch (error) {
      if (asked === this.#asked) this.failure = ipc.message(error);
      return null;
    }
  }
}

function placed(entries: CodeEntry[], from: number): Map<number, CodeEntry> {
  return new Map(entries.map((entry, index) => [from + index, entry]));
}
