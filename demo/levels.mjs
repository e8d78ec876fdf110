// The levels of assurance that provider and bank have agreed on, lowest first (OpenID Connect `acr`).

/** Signed in with a password. */
export const PASSWORD = 'urn:alder:acr:password';
/** Confirmed on an enrolled device, without a code: enough to read, never to pay. */
export const CONFIRMED = 'urn:alder:acr:confirmed';
/** Approved on an enrolled device with the code from the page that started it. */
export const APPROVED = 'urn:alder:acr:approved';

export const LEVELS = [PASSWORD, CONFIRMED, APPROVED];

/** Whether a level is at least another one. Unknown levels are below all. */
export const atLeast = (level, wanted) => LEVELS.indexOf(level) >= LEVELS.indexOf(wanted);
