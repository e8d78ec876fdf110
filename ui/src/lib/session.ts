// The locale of the desktop session, as the shell says it with the page's address: an empty one is a session without a language
// (LANG=C). The web engine says `en-US` for that, and for every locale that is not installed.

const said = new URLSearchParams(location.search);

/** BCP 47 tag of the language of texts; empty if the session has none. */
export const sessionLanguage = () => said.get("language") ?? navigator.language;

/** The same of dates and times. */
export const sessionTimes = () => said.get("times") ?? navigator.language;
