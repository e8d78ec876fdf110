// What the agent says in English, in the interface's language.
import type { Cause } from "../bindings/Cause";
import type { ErrorCode } from "../bindings/ErrorCode";
import { isKey, language, t, type Values } from "../messages";

/** The agent's sentence; in another language the text of this key, where there is one. */
export function said(key: string, sentence: string, values: Values = {}): string {
  return language() === "en" || !isKey(key) ? sentence : t(key, values);
}

/** Codes that tell too little: what it is about is in the agent's sentence. */
const VAGUE: readonly ErrorCode[] = [
  "invalid_value",
  "not_found",
  "not_pending",
  "refused",
  "storage",
  "unavailable",
  "unknown_format",
];

/** Why something does not work or cannot be used. */
export const caused = ({ finding, text, values }: Cause): string => said(`cause.${finding}`, text, values);

/** What went wrong. Where the text of the code alone would hide what to do about it, its cause or the agent's sentence follows. */
export function explained(code: ErrorCode, sentence: string, cause?: Cause): string {
  if (cause !== undefined) return caused(cause);
  const text = said(`error.${code}`, sentence);
  return text === sentence || !VAGUE.includes(code) ? text : t("error.explained", { text, sentence });
}
