// What the agent says in English, in the interface's language.
import { isKey, language, t, type Values } from "../messages";

/** The agent's sentence; in another language the text of this key, where there is one. */
export function said(key: string, sentence: string, values: Values = {}): string {
  return language() === "en" || !isKey(key) ? sentence : t(key, values);
}
