// A sentence that keeps quoted values apart from its own words, so that they can be isolated (bdi) when shown.
import { template, type Key, type Values } from "../messages";

export type Phrase = { text: string; quoted: boolean }[];

export function phrase(key: Key, values: Values = {}): Phrase {
  return template(key, values)
    .split(/(\{\w+\})/)
    .filter((part) => part !== "")
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      const value = name === undefined ? undefined : values[name];
      return value === undefined ? { text: part, quoted: false } : { text: String(value), quoted: true };
    });
}

export function plain(parts: Phrase): string {
  return parts.map((part) => part.text).join("");
}
