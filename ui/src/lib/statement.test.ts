import { describe, expect, test } from "vitest";
import type { Line } from "../bindings/Line";
import { hostile, long, lowRisk, mixed, NOW, several } from "../fixtures/requests";
import { plain } from "./phrase";
import { arrange, type Arrangement } from "./statement";

const text = (key: string, value: string, name: string | null = null): Line => ({
  key,
  name,
  value: { type: "text", value },
});
const action = (type: string, ...lines: Line[]) => [text("client", "Shop"), text("action", type), ...lines];
const sentence = (lines: Line[]) => plain(arrange(lines, NOW).headline);
const amount: Line = {
  key: "payment.amount",
  name: null,
  value: { type: "amount", value: { amount: "5.00", currency: "USD" } },
};

/** Every place of every line. */
function places(statement: Arrangement): number[] {
  const { client, account, headlineFor, groups, hints, origin } = statement;
  const single = [client, account, headlineFor, origin.badge, ...groups.map((group) => group.action)];
  const many = [...groups.flatMap((group) => group.rows), ...hints, ...origin.where, ...origin.how];
  return [...single, ...many].flatMap((row) => (row === null ? [] : [row.index])).sort((a, b) => a - b);
}

describe("every line has exactly one place", () => {
  const twice = [...action("access"), ...action("access"), text("account", "a"), text("account", "b")];
  const strange = [text("payment.amount", "no amount"), text("context.new", "x"), text("toString", "y")];
  const statements = [
    long.lines,
    lowRisk.lines,
    mixed.lines,
    several.lines,
    hostile("x").lines,
    twice,
    strange,
    [text("client", "Shop"), text("message", "Open the gate")],
    [text("message", "Open the gate"), ...action("com.example.x", text("message", "twice"))],
    [],
  ];
  test.each(statements.map((lines, index) => [index, lines] as const))("statement %i", (_, lines) => {
    expect(places(arrange(lines, NOW))).toEqual(lines.map((_, index) => index));
  });
});

describe("the sentence", () => {
  test("of a payment names what there is", () => {
    const payee = text("payment.payee", "Ann");
    expect(sentence(action("payment_initiation", amount, payee))).toBe("Send $5.00 to Ann");
    expect(sentence(action("payment_initiation", amount))).toBe("Send $5.00");
    expect(sentence(action("payment_initiation", payee))).toBe("Send a payment to Ann");
    expect(sentence(action("payment_initiation"))).toBe("Approve a payment");
    expect(
      sentence(action("payment_initiation", amount, text("payment.iban", "DE89370400440532013000"))),
    ).toBe("Send $5.00 to DE89 3704 0044 0532 0130 00");
  });

  test("of the other known types", () => {
    expect(sentence(action("access", text("access.resource", "the vault")))).toBe("Get access to the vault");
    expect(sentence(action("data_export", text("export.dataset", "customers")))).toBe("Export customers");
    expect(
      sentence(
        action(
          "deployment",
          text("deployment.service", "billing"),
          text("deployment.environment", "production"),
        ),
      ),
    ).toBe("Deploy billing to production");
    expect(sentence(action("sign_in"))).toBe("Confirm that you are signing in");
  });

  test("of an unknown type is its message, or its type", () => {
    expect(sentence(action("com.example.x"))).toBe("Approve “com.example.x”");
    expect(sentence([text("message", "Open the gate"), ...action("com.example.x")])).toBe(
      "Confirm: Open the gate",
    );
    expect(sentence(action("constructor"))).toBe("Approve “constructor”");
  });

  test("of several actions never stands for one of them", () => {
    expect(
      sentence([text("message", "Harmless"), ...action("sign_in"), ...action("payment_initiation", amount)]),
    ).toBe("Confirm 2 actions");
  });

  test("without any action is the message", () => {
    expect(sentence([text("client", "Shop"), text("message", "Open the gate")])).toBe(
      "Confirm: Open the gate",
    );
    expect(sentence([text("client", "Shop")])).toBe("Confirm a request without details");
  });

  test("that is the message stands for its line", () => {
    const { groups, headlineFor } = arrange([text("client", "Shop"), text("message", "Open the gate")], NOW);
    expect(headlineFor?.texts).toEqual(["Open the gate"]);
    expect(groups).toEqual([]);
    const other = arrange([text("message", "Pay"), ...action("payment_initiation", amount)], NOW);
    expect(other.groups.flatMap((group) => group.rows.map((row) => row.line.key))).toContain("message");
  });

  test("does not fill placeholders in values", () => {
    expect(sentence(action("payment_initiation", amount, text("payment.payee", "{amount}")))).toBe(
      "Send $5.00 to {amount}",
    );
  });
});

test("a field is labelled by its literal name, whatever it looks like", () => {
  const { groups } = arrange(action("payment_initiation", text("field", "1.00", "Amount")), NOW);
  expect(groups[0]?.rows[0]).toMatchObject({ label: "Amount", literal: true });
});
