// Every state of the prompt, from its fixture.
import { screen } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { RequestState } from "../bindings/RequestState";
import { prompts, type PromptFixture } from "../fixtures/prompts";
import { hostile, NOW } from "../fixtures/requests";
import { value } from "../lib/format";
import { arrange } from "../lib/statement";
import { violations } from "../test/axe";
import { renderPrompt } from "../test/render";

const all = Object.entries<PromptFixture>(prompts);
const asking = all.filter(([, { shown }]) => shown.request.state.name === "pending" && !shown.gone);

const squeezed = (text: string | null | undefined) => (text ?? "").replace(/\s+/g, "");

describe.each(all)("%s", (_name, fixture) => {
  test("breaks no accessibility rule", async () => {
    renderPrompt(fixture);
    expect(await violations()).toEqual([]);
  });

  test("carries no inline style and no markup of its own in values", () => {
    const { container } = renderPrompt(fixture);
    expect(container.querySelector("[style]")).toBeNull();
    expect(container.querySelector("script, iframe, img, object, style, a")).toBeNull();
  });

  test("is named by its sentence or outcome", () => {
    renderPrompt(fixture);
    const name = screen.getByRole("heading", { level: 1 }).textContent;
    expect(screen.getByRole("main", { name: name ?? "" })).toBeTruthy();
  });
});

describe.each(asking)("%s, while it asks", (_name, fixture) => {
  test("shows every line of the statement, whole", () => {
    const { container } = renderPrompt(fixture);
    const { lines } = fixture.shown.request;
    const headlineFor = arrange(lines, NOW).headlineFor;
    for (const [index, line] of lines.entries()) {
      const places = container.querySelectorAll(`[data-line="${index}"]`);
      expect(places, `${line.key} has one place`).toHaveLength(1);
      const shown = squeezed(places[0]?.textContent);
      if (line.name !== null) expect(shown).toContain(squeezed(line.name));
      // Registered words of the protocol are shown in the interface's language, the type by its sentence.
      if (["context.origin", "context.risk"].includes(line.key) || index === headlineFor?.index) continue;
      expect(shown).toContain(squeezed(value(line.value, NOW)));
    }
  });
});

test("text from outside stays text, in every field", () => {
  const payloads = [
    "<img src=x onerror=alert(1)>",
    '"><script>window.pwned = true</script>',
    "{@html '<b>x</b>'}",
    "javascript:alert(1)",
    "{client} {issuer} {amount}",
    "&lt;b&gt; &amp; <b>bold</b>",
    "x".repeat(1024),
    "__proto__",
  ];
  for (const payload of payloads) {
    const request = hostile(payload);
    for (const fixture of [
      { shown: { request, gone: false } },
      {
        shown: {
          request: { ...request, state: { name: "sending", verdict: "report" } as const },
          gone: false,
        },
      },
      {
        shown: {
          request: { ...request, problem: { type: "refused", message: payload } as const },
          gone: false,
        },
      },
    ]) {
      const { container, unmount } = renderPrompt({ agent: { state: "connected" }, armed: true, ...fixture });
      expect(container.querySelector("script, img, iframe, b, a, [onerror], [style]"), payload).toBeNull();
      expect(container.textContent).toContain(payload);
      unmount();
    }
  }
  expect("pwned" in window).toBe(false);
});

test("a placeholder inside a value is not filled in", () => {
  const request = hostile("{issuer}");
  renderPrompt({ shown: { request, gone: false }, agent: { state: "connected" }, armed: true });
  expect(screen.getByText((_, element) => element?.className === "ask__client").textContent).toBe(
    "{issuer} asks you to",
  );
});

describe("what is said", () => {
  const sentence = (name: keyof typeof prompts) => {
    const { unmount } = renderPrompt(prompts[name]);
    const text = screen.getByRole("heading", { level: 1 }).textContent;
    unmount();
    return text;
  };

  test("the sentence comes from the statement", () => {
    expect(sentence("high-risk")).toBe("Send €4,250.00 to Meridian Supplies GmbH");
    expect(sentence("low-risk")).toBe("Sign in to Engineering Wiki");
    expect(sentence("several")).toBe("Confirm 3 actions");
    expect(sentence("foreign")).toBe("Confirm: Confirm a log-in to the student register");
  });

  test("a message that is the sentence is said once", () => {
    const { container } = renderPrompt(prompts.foreign);
    expect(container.textContent?.split("Confirm a log-in to the student register")).toHaveLength(2);
  });

  test("each outcome has its title", () => {
    expect(sentence("sending")).toBe("Sending your approval");
    expect(sentence("offline")).toBe("Not sent yet");
    expect(sentence("success")).toBe("Approved");
    expect(sentence("taken")).toBe("Approved");
    expect(sentence("taken-code")).toBe("Type 42 now");
    expect(sentence("denied")).toBe("Denied");
    expect(sentence("reported")).toBe("Denied and reported");
    expect(sentence("expired")).toBe("This request expired");
    expect(sentence("cancelled")).toBe("This request was taken back");
    expect(sentence("locked")).toBe("Too many wrong codes");
    expect(sentence("not-taken")).toBe("Answer not taken");
    expect(sentence("unclear")).toBe("Not clear whether it counted");
    expect(sentence("elsewhere")).toBe("Already approved");
    expect(sentence("gone")).toBe("No longer waiting");
  });

  test("what vanishes with an answer on its way is not said to be without effect", () => {
    const said = (state: RequestState) => {
      const request = { ...prompts.foreign.shown.request, state };
      const { container, unmount } = renderPrompt({ ...prompts.gone, shown: { request, gone: true } });
      const text = container.textContent;
      unmount();
      return text;
    };
    const nothing = "Nothing was approved here.";
    const unknown = "It is not known whether your answer counted. Look in mfa.fjord.example.";
    expect(said({ name: "pending" })).toContain(nothing);
    expect(said({ name: "pending" })).not.toContain(unknown);
    for (const state of [
      { name: "sending", verdict: "approve" },
      { name: "queued", verdict: "deny", retry_at: NOW + 4 },
    ] as const) {
      expect(said(state)).toContain(unknown);
      expect(said(state)).not.toContain(nothing);
    }
  });

  test("an answer that could not be sent in time can be given again", () => {
    renderPrompt(prompts["not-sent"]);
    expect(screen.getByRole("alert").textContent).toContain("It could not be sent in time");
    expect(screen.getByRole("button", { name: "Approve" }).getAttribute("aria-disabled")).toBeNull();
  });

  test("the seal tells three cases apart", () => {
    const seal = (name: keyof typeof prompts) => {
      const { unmount } = renderPrompt(prompts[name]);
      const text = screen.getByRole("img").getAttribute("aria-label");
      unmount();
      return text;
    };
    expect(seal("high-risk")).toMatch(/^Verified/);
    expect(seal("foreign")).toMatch(/will not cover this text/);
    expect(seal("choice")).toMatch(/^Not signed/);
  });

  test("what was superseded is over, and stays until the person goes on to what replaces it", () => {
    const { container } = renderPrompt(prompts.superseded);
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("This request was taken back");
    expect(screen.getByRole("button", { name: "Next request" })).toBeTruthy();
    expect(container.textContent).not.toContain("The next request follows");
  });

  test("an answer that was only taken is not called confirmed", () => {
    const { container } = renderPrompt(prompts.taken);
    expect(container.textContent).toContain("It does not say what came of it.");
    expect(container.textContent).not.toContain("confirmed it");
  });

  test("a receipt that does not verify is said", () => {
    renderPrompt(prompts["receipt-invalid"]);
    expect(screen.getByText("Receipt does not verify")).toBeTruthy();
  });

  test("the countdown is a silent timer that is drawn to attention in the last 15 seconds", () => {
    const { container } = renderPrompt(prompts.soon);
    expect(screen.getByRole("timer", { name: "Expires in 12 seconds" })).toBeTruthy();
    expect(container.querySelector(".countdown.is-soon")).not.toBeNull();
  });
});
