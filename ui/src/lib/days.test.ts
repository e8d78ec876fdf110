import { expect, test } from "vitest";
import { byDay, dayName, startOfDay, timeOfDay } from "./days";

const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime() / 1000;

test("entries are grouped by the day of this place, in order", () => {
  const entries = [at(22, 14), at(22, 0), at(21, 23), at(3, 5)].map((time) => ({ at: time }));
  expect(byDay(entries).map(({ day, entries }) => [day, entries.length])).toEqual([
    [at(22, 0), 2],
    [at(21, 0), 1],
    [at(3, 0), 1],
  ]);
  expect(byDay([])).toEqual([]);
});

test("a day that is not in one piece, by issuers whose clocks differ, is one group", () => {
  const entries = [at(22, 1), at(21, 23), at(22, 0)].map((time) => ({ at: time }));
  expect(byDay(entries).map(({ day, entries }) => [day, entries.length])).toEqual([
    [at(22, 0), 2],
    [at(21, 0), 1],
  ]);
});

test("days near are named, others dated; the year is said when it is another", () => {
  const today = startOfDay(at(22, 14));
  expect(dayName(today, today)).toBe("Today");
  expect(dayName(at(21, 0), today)).toBe("Yesterday, November 21");
  expect(dayName(at(3, 0), today)).toBe("Tuesday, November 3");
  expect(dayName(new Date(2025, 10, 22).getTime() / 1000, today)).toBe("November 22, 2025");
});

test("the day before is yesterday also when the clocks were changed", () => {
  // Whatever the zone: midnight minus a second is the day before.
  for (let day = 1; day <= 365; day += 1) {
    const today = new Date(2026, 0, day).getTime() / 1000;
    const before = new Date(2026, 0, day - 1).getTime() / 1000;
    expect(dayName(before, today)).toMatch(/^Yesterday/);
  }
});

test("minutes of the day are a time", () => {
  expect(timeOfDay(0)).toMatch(/^(12|00?):00/);
  expect(timeOfDay(22 * 60 + 30)).toMatch(/^(10|22):30/);
});
