// Where each line of a statement is shown. Every line has exactly one place: what is signed is what is on screen.
import type { Line } from "../bindings/Line";
import { isKey, t } from "../messages";
import * as format from "./format";
import { phrase, type Phrase } from "./phrase";

/** One line, ready to be shown. */
export interface Row {
  /** Its position in the statement. */
  index: number;
  label: string;
  /** The label is a field name from the request, not one of ours. */
  literal: boolean;
  /** One text, or several for a list. */
  texts: string[];
  /** Reads left to right in every language. */
  ltr: boolean;
  line: Line;
}

/** One thing that is asked for: its type and its lines. */
export interface Group {
  action: Row | null;
  rows: Row[];
}

export interface Arrangement {
  /** Shown above the sentence. */
  client: Row | null;
  /** Shown beside the issuer. */
  account: Row | null;
  /** The sentence, and the line that it stands for. */
  headline: Phrase;
  headlineFor: Row | null;
  groups: Group[];
  hints: Row[];
  origin: Origin;
}

export interface Origin {
  badge: Row | null;
  where: Row[];
  how: Row[];
}

/** Types whose lines have labels and a sentence of their own. */
const SENTENCES: Record<string, (row: (key: string) => string | undefined) => Phrase> = {
  payment_initiation: (row) => {
    const amount = row("payment.amount");
    const payee = row("payment.payee") ?? row("payment.iban");
    if (amount !== undefined && payee !== undefined) return phrase("ask.payment", { amount, payee });
    if (amount !== undefined) return phrase("ask.payment.amount", { amount });
    return payee === undefined ? phrase("ask.payment.none") : phrase("ask.payment.payee", { payee });
  },
  access: (row) => {
    const resource = row("access.resource");
    return resource === undefined ? phrase("ask.access.none") : phrase("ask.access", { resource });
  },
  data_export: (row) => {
    const dataset = row("export.dataset");
    const destination = row("export.destination");
    if (dataset === undefined) return phrase("ask.export.none");
    return destination === undefined
      ? phrase("ask.export", { dataset })
      : phrase("ask.export.to", { dataset, destination });
  },
  deployment: (row) => {
    const service = row("deployment.service");
    const environment = row("deployment.environment");
    if (service === undefined) return phrase("ask.deployment.none");
    return environment === undefined
      ? phrase("ask.deployment", { service })
      : phrase("ask.deployment.to", { service, environment });
  },
  sign_in: (row) => {
    const application = row("signin.application");
    return application === undefined ? phrase("ask.signin.none") : phrase("ask.signin", { application });
  },
};

/** Every line, in signing order. */
export function rows(lines: Line[], now: number): Row[] {
  return lines.map((line, index) => row(line, index, now));
}

export function arrange(lines: Line[], now: number): Arrangement {
  const placed: Arrangement = {
    client: null,
    account: null,
    headline: [],
    headlineFor: null,
    groups: [],
    hints: [],
    origin: { badge: null, where: [], how: [] },
  };
  // Lines before the first action (a message) and after the last (the level) stand in groups without one.
  const before: Group = { action: null, rows: [] };
  const after: Group = { action: null, rows: [] };
  let group = before;
  let message: Row | null = null;
  for (const row of rows(lines, now)) {
    const { key } = row.line;
    if (key === "client" && placed.client === null) placed.client = row;
    else if (key === "account" && placed.account === null) placed.account = row;
    else if (key === "context.hint" || (key === "context.risk" && row.line.value.value === "high"))
      placed.hints.push(row);
    else if (key === "context.origin" && placed.origin.badge === null) placed.origin.badge = row;
    else if (key === "context.place" || key === "context.ip") placed.origin.where.push(row);
    else if (key.startsWith("context.")) placed.origin.how.push(row);
    else if (key === "acr") after.rows.push(row);
    else if (key === "action") placed.groups.push((group = { action: row, rows: [] }));
    else {
      if (key === "message") message ??= row;
      group.rows.push(row);
    }
  }
  const actions = placed.groups;
  /** The message is the sentence: it is not said a second time below. */
  const quote = (message: Row): void => {
    placed.headline = phrase("ask.message", { message: message.texts.join(" ") });
    placed.headlineFor = message;
    for (const group of [before, ...actions]) group.rows = group.rows.filter((row) => row !== message);
  };
  const only = actions.length === 1 ? actions[0] : undefined;
  if (only?.action) {
    const type = only.action.texts.join("");
    const sentence = Object.hasOwn(SENTENCES, type) ? SENTENCES[type] : undefined;
    if (sentence) {
      placed.headline = sentence((key) => only.rows.find((row) => row.line.key === key)?.texts.join(", "));
      // The sentence is this action in words; with it the bare type would say nothing more.
      placed.headlineFor = only.action;
      only.action = null;
    } else if (message) quote(message);
    else placed.headline = phrase("ask.unknown", { action: type });
  } else if (actions.length > 1) placed.headline = phrase("ask.several", { count: actions.length });
  else if (message) quote(message);
  else placed.headline = phrase("ask.nothing");
  placed.groups = [before, ...actions, after].filter(
    (group) => group.action !== null || group.rows.length > 0,
  );
  return placed;
}

function row(line: Line, index: number, now: number): Row {
  const known = `line.${line.key}`;
  const isIban = line.key === "payment.iban" || line.key === "payment.from";
  const label = line.name ?? (isKey(known) ? t(known) : line.key);
  const texts =
    line.value.type === "list"
      ? line.value.value
      : [isIban && line.value.type === "text" ? format.iban(line.value.value) : text(line, now)];
  const ltr = isIban || line.key === "context.ip" || line.key === "acr";
  return { index, label, literal: line.name !== null || !isKey(known), texts, ltr, line };
}

/** The few registered values that are words of the protocol, not of a person. */
function text(line: Line, now: number): string {
  const known = { "context.origin": "origin.", "context.risk": "origin.risk." }[line.key];
  if (known !== undefined && line.value.type === "text" && isKey(known + line.value.value))
    return t((known + line.value.value) as Parameters<typeof t>[0]);
  return format.value(line.value, now);
}
