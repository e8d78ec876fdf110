// Entries that were deleted and can be had back, as long as the agent keeps them. On the list that they were deleted from each
// keeps its place among the others; once another list is shown they have none.
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
  /** In the list, by place. */
  placed = $state.raw<readonly Deleted[]>([]);
  /** From lists that were shown before, the latest last. */
  earlier = $state.raw<readonly Deleted[]>([]);
  /** In the order of their deletion. */
  #order: Deleted["entry"]["id"][] = [];

  /** How many have a place in the list. */
  get count(): number {
    return this.placed.length;
  }

  /** The one that was deleted last. */
  get last(): Deleted | undefined {
    const id = this.#order.at(-1);
    return [...this.placed, ...this.earlier].find(({ entry }) => entry.id === id);
  }

  at(place: number): Deleted | undefined {
    return this.placed.find((deleted) => deleted.place === place);
  }

  /** Where what is shown at this place is among the entries that are left. */
  within(place: number): number {
    return place - this.placed.filter((deleted) => deleted.place < place).length;
  }

  /** Where an entry that is left is shown. */
  shown(within: number): number {
    return this.placed.reduce((place, deleted) => (deleted.place <= place ? place + 1 : place), within);
  }

  add(deleted: Deleted): void {
    const [oldest] = this.#order;
    if (this.#order.length >= MOST && oldest !== undefined) this.#giveUp(({ entry }) => entry.id === oldest);
    this.placed = [...this.placed, deleted].sort((one, other) => one.place - other.place);
    this.#order.push(deleted.entry.id);
  }

  /** It is an entry again, at its place. */
  restored({ entry }: Deleted): void {
    const others = (each: Deleted) => each.entry.id !== entry.id;
    this.placed = this.placed.filter(others);
    this.earlier = this.earlier.filter(others);
    this.#order = this.#order.filter((id) => id !== entry.id);
  }

  /** The time of some may be over: what is after them moves up. */
  pass(now: number): void {
    const over = ({ until }: Deleted) => until <= now;
    if (this.placed.some(over) || this.earlier.some(over)) this.#giveUp(over);
  }

  /** Another list is shown. */
  displace(): void {
    if (this.count === 0) return;
    const all = [...this.earlier, ...this.placed];
    this.earlier = this.#order.flatMap((id) => all.filter(({ entry }) => entry.id === id));
    this.placed = [];
  }

  clear(): void {
    this.placed = this.earlier = [];
    this.#order = [];
  }

  #giveUp(over: (deleted: Deleted) => boolean): void {
    const gone = this.placed.filter(over);
    const before = (place: number) => gone.filter((each) => each.place < place).length;
    this.placed = this.placed
      .filter((each) => !over(each))
      .map((each) => ({ ...each, place: each.place - before(each.place) }));
    this.earlier = this.earlier.filter((each) => !over(each));
    const left = new Set([...this.placed, ...this.earlier].map(({ entry }) => entry.id));
    this.#order = this.#order.filter((id) => left.has(id));
  }
}
