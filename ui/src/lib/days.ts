// The days of the person's calendar.
import { date, time } from "./format";
import { t } from "../messages";

/** Midnight at the start of the day of this moment, here, in seconds. */
export function startOfDay(seconds: number): number {
  const date = new Date(seconds * 1000);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime() / 1000;
}

/** "Today", "Yesterday, 21 November", "Monday, 3 November", "3 November 2025". */
export function dayName(day: number, today: number): string {
  if (day === today) return t("activity.today");
  // The day before may have 23 or 25 hours.
  if (day === startOfDay(today - 1)) return t("activity.yesterday", { date: date(day, { month: "long" }) });
  const sameYear = new Date(day * 1000).getFullYear() === new Date(today * 1000).getFullYear();
  return sameYear
    ? date(day, { weekday: "long", month: "long" })
    : date(day, { month: "long", year: "numeric" });
}

/** "3 November 2025" */
export function longDate(seconds: number): string {
  return date(seconds, { month: "long", year: "numeric" });
}

/** "22:00", of minutes since midnight. */
export function timeOfDay(minutes: number): string {
  // Of a day without a change of the clocks.
  return time(new Date(2026, 0, 15, 0, minutes).getTime() / 1000);
}

/** Entries in order, under the day each falls on. Issuers' clocks differ: a day need not be in one piece. */
export function byDay<Entry extends { at: number }>(entries: Entry[]): { day: number; entries: Entry[] }[] {
  const days = new Map<number, Entry[]>();
  for (const entry of entries) {
    const day = startOfDay(entry.at);
    const group = days.get(day);
    if (group === undefined) days.set(day, [entry]);
    else group.push(entry);
  }
  return [...days].map(([day, entries]) => ({ day, entries }));
}
