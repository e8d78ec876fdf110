// What an account's card says: only what is true.
import type { AccountView } from "../bindings/AccountView";
import { duration } from "../lib/format";
import type { IconName } from "../lib/icons";
import { explained } from "../lib/said";
import { t } from "../messages";

/** The person's own name for it, or the issuer's. */
export const nameOf = (account: AccountView) => account.name ?? account.issuer_name;

/** From here on a difference between the clocks is worth a word, in seconds. */
const CLOCK_SLACK = 30;

export function connection(
  account: AccountView,
  now: number,
): { icon: IconName; tone: string; text: string } {
  const state = account.connection;
  switch (state.state) {
    case "connecting":
      return { icon: "refresh", tone: "", text: t("connection.connecting", { host: account.issuer_host }) };
    case "connected":
      return {
        icon: "ok",
        tone: "is-ok",
        text: t(account.collection === null ? `connection.${state.transport}` : "connection.daily"),
      };
    case "retrying": {
      const seconds = state.at - now;
      const problem = explained(state.cause, state.problem);
      return {
        icon: "refresh",
        tone: "is-warn",
        text: again(problem, seconds),
      };
    }
    case "revoked":
      return {
        icon: "fail",
        tone: "is-fail",
        text: t("connection.revoked", { issuer: account.issuer_name, account: account.account }),
      };
    case "no_key":
      return { icon: "skip", tone: "", text: t("connection.no_key") };
  }
}

/** What is wrong, and when it is tried again. */
function again(problem: string, seconds: number): string {
  if (seconds <= 0) {
    return t("connection.retrying_now", { problem });
  }
  return seconds < 120
    ? t("connection.retrying", { problem, seconds })
    : t("connection.retrying_later", { problem, minutes: Math.round(seconds / 60) });
}

/** What the issuer's protocol does and does not do. Nothing is asked through an account that brings others along: then that. */
export function capabilities(account: AccountView): { icon: IconName; text: string } {
  const { capabilities, collection, issuer_name: issuer } = account;
  if (collection !== null) {
    const { accounts, codes, unusable } = collection;
    const texts = [t("collection.holds", { issuer, accounts, codes })];
    if (unusable > 0) texts.push(t("collection.unusable", { count: unusable }));
    return { icon: "info", text: texts.join(" ") };
  }
  const limits: string[] = [];
  if (!capabilities.signed_requests) limits.push(t("capability.unsigned"));
  if (!capabilities.signs_statement) limits.push(t("capability.not_tied"));
  const tied = limits.length === 0;
  if (tied) limits.push(t("capability.full"));
  if (capabilities.reports === "not_taken") limits.push(t("capability.no_report"));
  if (capabilities.reports === "not_said") limits.push(t("capability.reports_not_said"));
  if (!capabilities.has_expiry) limits.push(t("capability.no_expiry"));
  return { icon: tied ? "verified" : "unverified", text: limits.join(" ") };
}

/** What protects the key; while it cannot be read, that instead. */
export function key(account: AccountView): { icon: IconName; badge: string; warns: boolean; text: string } {
  const { level, attested } = account.key_protection;
  switch (account.key) {
    case "locked":
    case "missing":
    case "empty":
    case "hanging":
      return {
        icon: "lock",
        badge: t(`keyring.${account.key}`),
        warns: true,
        text: t(`keyring.${account.key}.text`),
      };
    case "ready":
    case "unknown":
      return {
        icon: level.startsWith("hw") ? "chip" : "key",
        badge: t(`key.${level}`),
        warns: false,
        text: `${t(`key.${level}.text`)} ${t(attested ? "key.attested" : "key.claimed", { issuer: account.issuer_name })}.`,
      };
  }
}

/** That this computer's clock is wrong, if it is. */
export function clock({ clock_offset }: AccountView): string | null {
  if (Math.abs(clock_offset) < CLOCK_SLACK) return null;
  return t(clock_offset > 0 ? "clock.behind" : "clock.ahead", { duration: duration(Math.abs(clock_offset)) });
}
