// Entries that were deleted and can be had back. Each keeps its place among the others until its time is over.
import type { CodeEntry } from "../bindings/CodeEntry";

/** As many as the agent keeps. */
const MOST = 64;

export interface Deleted {
  entry: CodeEntry;
  /** Among all that is shown. */
  place: number;
  /** In seconds since 1970. */
  until: number;
}

export class Deletions {
  /** By place. */
  all = $state.raw<readonly Deleted[]>([]);
  /** In the order of their deletion. */
  #order: Deleted["entry"]["id"][] = [];

  get count(): number {
    return this.all.length;
  }

  /** The one that was deleted last. */
  get last(): Deleted | undefined {
    const id = this.#order.at(-1);
    return this.all.find(({ entry }) => entry.id === id);
  }

  at(place: number): Deleted | undefined {
    return this.all.find((deleted) => deleted.place === place);
  }

  /** Where what is shown at this place is among the entries that are left. */
  within(place: number): number {
    return place - this.all.filter((deleted) => deleted.place < place).length;
  }

  /** Where an entry that is left is shown. */
  shown(within: number): number {
    return this.all.reduce((place, deleted) => (deleted.place <= place ? place + 1 : place), within);
  }

  add(deleted: Deleted): void {
    const [oldest] = this.#order;
    if (this.count >= MOST && oldest !== undefined) this.#giveUp((each) => each.entry.id === oldest);
    this.all = [...this.all, deleted].sort((one, other) => one.place - other.place);
    this.#order.push(deleted.entry.id);
  }

  /** It is an entry again, at its place. */
  restored({ entry }: Deleted): void {
    this.all = this.all.filter((each) => each.entry.id !== entry.id);
    this.#order = this.#order.filter((id) => id !== entry.id);
  }

  /** The time of some may be over: what is after them moves up. */
  pass(now: number): void {
    if (this.all.some(({ until }) => until <= now)) this.#giveUp(({ until }) => until <= now);
  }

  clear(): void {
    this.all = [];
    this.#order = [];
  }

  #giveUp(over: (deleted: Deleted) => boolean): void {
    const gone = this.all.filter(over);
    const before = (place: number) => gone.filter((each) => each.place < place).length;
    this.all = this.all
      .filter((each) => !over(each))
      .map((each) => ({ ...each, place: each.place - before(each.place) }));
    const left = new Set(this.all.map(({ entry }) => entry.id));
    this.#order = this.#order.filter((id) => left.has(id));
  }
}
