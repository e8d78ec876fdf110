// The texts of each language are a file of their own: a window loads the one it speaks, and is there sooner.
import type { Catalogue, Language } from "./catalogue";

type Catalogues = { readonly [L in Language]: Catalogue<L> };

const files: { readonly [L in Language]: () => Promise<Catalogues[L]> } = {
  en: async () => (await import("./en")).en,
  de: async () => (await import("./de")).de,
  fr: async () => (await import("./fr")).fr,
  es: async () => (await import("./es")).es,
  ja: async () => (await import("./ja")).ja,
  ar: async () => (await import("./ar")).ar,
};

export const languages = Object.keys(files) as Language[];

const loaded: Partial<Record<Language, Catalogues[Language]>> = {};

export const isLoaded = (language: Language) => loaded[language] !== undefined;

export async function load(language: Language): Promise<void> {
  loaded[language] ??= await files[language]();
}

/** The texts of a language that has been loaded. */
export function catalogue(language: Language): Catalogues[Language] {
  const texts = loaded[language];
  if (!texts) throw new Error(`the texts in ${language} are not loaded`);
  return texts;
}
