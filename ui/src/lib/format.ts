// Values by locale. Digits are never altered: what is shown is what is signed.
import type { LineValue } from "../bindings/LineValue";
import { language, t } from "../messages";

/** The desktop's locale. A desktop without one (LANG=C) names something that is no language tag. */
export function systemLocale(named: string): string {
  try {
    return Intl.getCanonicalLocales(named)[0] ?? language;
  } catch {
    return language;
  }
}

/** The person's variant of the interface's language: en-GB, say, for an English interface on a British desktop. */
export function localeFor(system: string): string {
  const wanted = system.split("-")[0] === language ? system : language;
  return Intl.DateTimeFormat.supportedLocalesOf(wanted)[0] ?? language;
}

const system = systemLocale(navigator.language);

/** BCP 47 tag that a statement is shown in; it goes into the signed decision. */
export const locale = localeFor(system);

// Times in the system's format even if its language is another one.
const { hourCycle } = new Intl.DateTimeFormat(system, { hour: "numeric" }).resolvedOptions();
const clock: Intl.DateTimeFormatOptions = {
  hour: "numeric",
  minute: "2-digit",
  ...(hourCycle && { hourCycle }),
};

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
      return new Intl.NumberFormat(locale, { numberingSystem: "latn" }).format(value.value);
    case "flag":
      return t(value.value ? "value.yes" : "value.no");
    case "list":
      return value.value.join("\n");
  }
}

/** The amount as given, grouped by locale. Where the locale's form would change a digit, the plain form is shown. */
export function amount(decimal: string, currency: string): string {
  const fraction = decimal.split(".")[1]?.length ?? 0;
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    numberingSystem: "latn",
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
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(date) + ", " + time(seconds);
}

export function time(seconds: number): string {
  return new Intl.DateTimeFormat(locale, clock).format(new Date(seconds * 1000));
}

export function timeWithSeconds(seconds: number): string {
  return new Intl.DateTimeFormat(locale, { ...clock, second: "2-digit" }).format(new Date(seconds * 1000));
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
  const parts = [];
  for (const [unit, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0 || (unit === "second" && parts.length === 0))
      parts.push(
        new Intl.NumberFormat(locale, {
          style: "unit",
          unit,
          unitDisplay: "long",
          numberingSystem: "latn",
        }).format(count),
      );
  }
  return parts.join(" ");
}

/** "1:42" */
export function countdown(seconds: number): string {
  const left = Math.max(0, seconds);
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

function sameDay(a: Date, b: Date): boolean {
  return a.toDateString() === b.toDateString();
}
