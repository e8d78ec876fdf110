// Values by locale. Digits are never altered: what is shown is what is signed.
import type { LineValue } from "../bindings/LineValue";
import { language, t, type Language } from "../messages";
import { sessionTimes } from "./session";

/** The digits and the calendar that requests are written in, whatever else a region uses. */
const AS_SIGNED = { numberingSystem: "latn", calendar: "gregory" } as const;

/** The desktop's locale; null on a desktop without one. */
export function systemLocale(named: string): string | null {
  try {
    return Intl.getCanonicalLocales(named)[0] ?? null;
  } catch {
    return null;
  }
}

/** The language as it is written in the desktop's region: en-GB, say, for English on a British desktop. */
export function localeFor(language: Language, system: string | null): string {
  const region = system === null ? undefined : new Intl.Locale(system).region;
  const wanted = new Intl.Locale(language, region === undefined ? {} : { region });
  return new Intl.DateTimeFormat(wanted).resolvedOptions().locale;
}

/** Times in the system's format even if its language is another one; of 24 hours where it has none. */
export function clockOf(system: string | null): Intl.DateTimeFormatOptions {
  const { hourCycle } = new Intl.DateTimeFormat(system ?? "en-GB", { hour: "numeric" }).resolvedOptions();
  const hour = hourCycle === "h23" ? "2-digit" : "numeric";
  return { ...AS_SIGNED, hour, minute: "2-digit", ...(hourCycle && { hourCycle }) };
}

const system = systemLocale(sessionTimes());
const clock = clockOf(system);

/** BCP 47 tag that a statement is shown in; it goes into the signed decision. */
export function currentLocale(): string {
  return formats().locale;
}

export function value(value: LineValue, now: number): string {
  switch (value.type) {
    case "text":
      return value.value;
    case "amount":
      return amount(value.value.amount, value.value.currency);
    case "instant":
      return instant(value.value, now);
    case "duration":
      return duration(value.value);
    case "count":
      return formats().count.format(value.value);
    case "flag":
      return t(value.value ? "value.yes" : "value.no");
    case "list":
      return value.value.join("\n");
  }
}

/** The amount as given, grouped by locale. Where the locale's form would change a digit, the plain form is shown. */
export function amount(decimal: string, currency: string): string {
  const fraction = decimal.split(".")[1]?.length ?? 0;
  const format = new Intl.NumberFormat(currentLocale(), {
    ...AS_SIGNED,
    style: "currency",
    currency,
    minimumFractionDigits: fraction,
    maximumFractionDigits: fraction,
  });
  const shown = format.format(decimal as Intl.StringNumericLiteral);
  const digits = (text: string) => text.replace(/[^0-9]/g, "");
  return digits(shown) === digits(decimal) ? shown : `${decimal} ${currency}`;
}

/** An account number in groups of four. */
export function iban(text: string): string {
  return text.replace(/(.{4})(?=.)/g, "$1 ");
}

export function instant(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  if (sameDay(date, new Date(now * 1000))) return t("value.today", { time: time(seconds) });
  return formats().dayAndTime.format(date);
}

/** The day, and of the rest these parts. */
export function date(seconds: number, parts: Intl.DateTimeFormatOptions): string {
  const options = { ...AS_SIGNED, day: "numeric", ...parts } as const;
  return new Intl.DateTimeFormat(currentLocale(), options).format(new Date(seconds * 1000));
}

export function time(seconds: number): string {
  return formats().time.format(new Date(seconds * 1000));
}

export function timeWithSeconds(seconds: number): string {
  return formats().timeWithSeconds.format(new Date(seconds * 1000));
}

/** "1 minute 42 seconds": every unit that is not zero. */
export function duration(seconds: number): string {
  const units = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
    ["second", 1],
  ] as const;
  let left = Math.max(0, seconds);
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0 || (unit === "second" && parts.length === 0))
      parts.push(
        new Intl.NumberFormat(currentLocale(), {
          ...AS_SIGNED,
          style: "unit",
          unit,
          unitDisplay: "long",
        }).format(count),
      );
  }
  return formats().units.format(parts);
}

/** "1:42" */
export function countdown(seconds: number): string {
  const left = Math.max(0, seconds);
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

interface Formats {
  locale: string;
  count: Intl.NumberFormat;
  time: Intl.DateTimeFormat;
  timeWithSeconds: Intl.DateTimeFormat;
  dayAndTime: Intl.DateTimeFormat;
  units: Intl.ListFormat;
}

// Made once per language: long lists are full of times.
const made = new Map<Language, Formats>();

function formats(): Formats {
  const chosen = language();
  let found = made.get(chosen);
  if (!found) {
    const locale = localeFor(chosen, system);
    found = {
      locale,
      count: new Intl.NumberFormat(locale, AS_SIGNED),
      time: new Intl.DateTimeFormat(locale, clock),
      timeWithSeconds: new Intl.DateTimeFormat(locale, { ...clock, second: "2-digit" }),
      dayAndTime: new Intl.DateTimeFormat(locale, {
        ...clock,
        year: "numeric",
        month: "short",
        day: "numeric",
      }),
      units: new Intl.ListFormat(locale, { type: "unit", style: "narrow" }),
    };
    made.set(chosen, found);
  }
  return found;
}

function sameDay(a: Date, b: Date): boolean {
  return a.toDateString() === b.toDateString();
}
