// The keyboard map, arming and focus of the prompt.
import { fireEvent, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { prompts, type PromptFixture } from "../fixtures/prompts";
import { renderPrompt } from "../test/render";
import { ARM_MS } from "./arming.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const wait = async (milliseconds: number) => {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await tick();
};
const button = (name: string) => screen.getByRole("button", { name });
const code = () => screen.getByRole<HTMLInputElement>("textbox");
/** A key goes down and up on this element, as in a browser. */
const press = async (key: string, on: Element) => {
  await fireEvent.keyDown(on, { key });
  await fireEvent.keyUp(on, { key });
};
const fresh = (name: keyof typeof prompts): PromptFixture => ({ ...prompts[name], armed: false });

describe("arming", () => {
  test("nothing reacts in the first 700 ms", async () => {
    const { acts } = renderPrompt(fresh("low-risk"));
    for (const name of ["Deny", "Approve", "This wasn’t me"]) {
      await press("Enter", button(name));
      await press(" ", button(name));
      await fireEvent.click(button(name));
    }
    await wait(ARM_MS - 1);
    await fireEvent.click(button("Approve"));
    await fireEvent.click(button("Deny"));
    expect(acts.onanswer).not.toHaveBeenCalled();
    expect(screen.queryByText("Deny and report this request?")).toBeNull();
    await wait(1 + ARM_MS);
    await fireEvent.click(button("Approve"));
    expect(acts.onanswer).toHaveBeenCalledExactlyOnceWith({ verdict: "approve" });
  });

  test("a key press anywhere in it disarms keys and Approve for 700 ms", async () => {
    const { acts } = renderPrompt(fresh("low-risk"));
    await wait(ARM_MS);
    await press("x", document.body);
    await press("Enter", button("Approve"));
    await wait(ARM_MS - 1);
    await press(" ", button("Deny"));
    await fireEvent.click(button("Approve"));
    expect(acts.onanswer).not.toHaveBeenCalled();
    await wait(ARM_MS);
    await press("Enter", button("Deny"));
    expect(acts.onanswer).toHaveBeenCalledExactlyOnceWith({ verdict: "deny" });
  });

  test("another request that arrives arms anew", async () => {
    const { acts, props, rerender } = renderPrompt(fresh("low-risk"));
    await wait(ARM_MS);
    await rerender({ ...props, arrivals: 1 });
    await fireEvent.click(button("Approve"));
    expect(acts.onanswer).not.toHaveBeenCalled();
    await wait(ARM_MS);
    await fireEvent.click(button("Approve"));
    expect(acts.onanswer).toHaveBeenCalledOnce();
  });
});

describe("a key on a button", () => {
  test("acts when it comes up, not when it goes down", async () => {
    const { acts } = renderPrompt(fresh("low-risk"));
    await wait(ARM_MS);
    await fireEvent.keyDown(button("Approve"), { key: "Enter" });
    expect(acts.onanswer).not.toHaveBeenCalled();
    await fireEvent.keyUp(button("Approve"), { key: "Enter" });
    expect(acts.onanswer).toHaveBeenCalledOnce();
  });

  test("does nothing if it went down elsewhere, before arming, or is held", async () => {
    const { acts } = renderPrompt(fresh("low-risk"));
    await fireEvent.keyDown(button("Approve"), { key: "Enter" });
    await wait(2 * ARM_MS);
    await fireEvent.keyDown(button("Approve"), { key: "Enter", repeat: true });
    await fireEvent.keyUp(button("Approve"), { key: "Enter" });
    await wait(ARM_MS);
    await fireEvent.keyUp(button("Approve"), { key: "Enter" });
    await fireEvent.keyDown(button("Deny"), { key: " " });
    await fireEvent.keyUp(button("Approve"), { key: " " });
    expect(acts.onanswer).not.toHaveBeenCalled();
  });

  test("does nothing after the window lost the keyboard", async () => {
    const { acts } = renderPrompt(fresh("low-risk"));
    await wait(ARM_MS);
    await fireEvent.keyDown(button("Approve"), { key: " " });
    await fireEvent.blur(window);
    await fireEvent.keyUp(button("Approve"), { key: " " });
    expect(acts.onanswer).not.toHaveBeenCalled();
  });
});

describe("the code", () => {
  const type = (text: string) => fireEvent.input(code(), { target: { value: text } });

  test("Approve is off until it is complete, and says why", async () => {
    const { acts } = renderPrompt(prompts["high-risk"]);
    expect(button("Approve").getAttribute("aria-disabled")).toBe("true");
    expect(document.getElementById("why-not")?.textContent).toBe("Type the six digits first");
    await type("49281");
    await fireEvent.click(button("Approve"));
    expect(acts.onanswer).not.toHaveBeenCalled();
    expect(screen.getByRole("status").textContent).toBe("Type the six digits first");
    await type("492817");
    expect(button("Approve").getAttribute("aria-disabled")).toBeNull();
    await fireEvent.click(button("Approve"));
    expect(acts.onanswer).toHaveBeenCalledExactlyOnceWith({ verdict: "approve", matchCode: "492817" });
  });

  test("takes digits only, also when they are pasted in groups", async () => {
    renderPrompt(prompts["high-risk"]);
    await type("492 8x17-33");
    expect(code().value).toBe("492817");
  });

  test("Enter moves to Approve once it is complete, and never answers", async () => {
    const { acts } = renderPrompt(fresh("high-risk"));
    await wait(ARM_MS);
    code().focus();
    await type("4928");
    await press("Enter", code());
    expect(document.activeElement).toBe(code());
    await type("492817");
    await fireEvent.keyDown(code(), { key: "Enter" });
    expect(document.activeElement).toBe(button("Approve"));
    await fireEvent.keyUp(button("Approve"), { key: "Enter" });
    await wait(ARM_MS);
    expect(acts.onanswer).not.toHaveBeenCalled();
    await press("Enter", button("Approve"));
    expect(acts.onanswer).toHaveBeenCalledExactlyOnceWith({ verdict: "approve", matchCode: "492817" });
  });

  test("a wrong one is named, and described before the sentence", () => {
    renderPrompt(prompts["wrong-code"]);
    expect(screen.getByRole("alert").textContent).toBe(
      "That code does not match. 2 attempts left on this account.",
    );
    expect(code().getAttribute("aria-describedby")).toBe("match-code-error sentence");
    expect(code().getAttribute("aria-invalid")).toBe("true");
  });

  test("none of the numbers to pick from is picked in advance", async () => {
    const { typed: _, ...choice } = prompts.choice;
    const { acts } = renderPrompt(choice);
    expect(screen.getAllByRole<HTMLInputElement>("radio").some((radio) => radio.checked)).toBe(false);
    await fireEvent.click(button("Approve"));
    expect(acts.onanswer).not.toHaveBeenCalled();
    await fireEvent.click(screen.getByRole("radio", { name: "68" }));
    await fireEvent.click(button("Approve"));
    expect(acts.onanswer).toHaveBeenCalledExactlyOnceWith({ verdict: "approve", matchCode: "68" });
  });
});

describe("focus", () => {
  test("opened through Review: the code field, or the sentence without a code", () => {
    const { unmount } = renderPrompt({ ...prompts["high-risk"], asked: true });
    expect(document.activeElement).toBe(code());
    unmount();
    renderPrompt({ ...prompts["low-risk"], asked: true });
    expect(document.activeElement).toBe(screen.getByRole("heading", { level: 1 }));
  });

  test("opened by itself: nothing has the focus", () => {
    renderPrompt({ ...prompts["high-risk"], asked: false });
    expect(document.activeElement).toBe(document.body);
  });

  test("the order of Tab is the order of reading", () => {
    renderPrompt(prompts.waiting);
    const order = [...document.querySelectorAll("button, input, summary")].map(
      (element) => element.textContent?.trim() || element.id,
    );
    expect(order).toEqual(["Show all", "Details", "match-code", "Deny", "Approve", "This wasn’t me"]);
  });
});

describe("reporting", () => {
  test("asks first, with the focus on the way back, and arms anew", async () => {
    const { acts } = renderPrompt(fresh("high-risk"));
    await wait(ARM_MS);
    await fireEvent.click(button("This wasn’t me"));
    expect(document.activeElement).toBe(button("Go back"));
    expect(screen.getByRole("group", { name: "Deny and report this request?" })).toBeTruthy();
    await fireEvent.click(button("Deny and report"));
    expect(acts.onanswer).not.toHaveBeenCalled();
    await wait(ARM_MS);
    await fireEvent.click(button("Deny and report"));
    expect(acts.onanswer).toHaveBeenCalledExactlyOnceWith({ verdict: "report", reason: "not_me" });
  });

  test("Esc goes one step back, and does nothing at the top", async () => {
    const { acts } = renderPrompt(fresh("high-risk"));
    await wait(ARM_MS);
    await fireEvent.click(button("This wasn’t me"));
    await press("Escape", document.activeElement ?? document.body);
    await wait(0);
    expect(document.activeElement).toBe(button("This wasn’t me"));
    await press("Escape", document.body);
    expect(acts.onclose).not.toHaveBeenCalled();
    expect(acts.onanswer).not.toHaveBeenCalled();
  });
});

describe("the window", () => {
  test("Ctrl+W closes and answers nothing", async () => {
    const { acts } = renderPrompt(prompts.ready);
    await fireEvent.keyDown(document.body, { key: "w", ctrlKey: true });
    expect(acts.onclose).toHaveBeenCalledOnce();
    expect(acts.onanswer).not.toHaveBeenCalled();
  });

  test("closes 4 s after an approval, unless pointer or focus is inside", async () => {
    const hover = vi.spyOn(document.documentElement, "matches").mockReturnValue(true);
    const { acts, props, rerender } = renderPrompt(prompts.success);
    await wait(10_000);
    expect(acts.ondone).not.toHaveBeenCalled();
    hover.mockReturnValue(false);
    await rerender({ ...props, now: props.now + 10 });
    button("Close").focus();
    await wait(10_000);
    expect(acts.ondone).not.toHaveBeenCalled();
    await fireEvent.blur(window);
    await wait(3999);
    expect(acts.ondone).not.toHaveBeenCalled();
    await wait(1);
    expect(acts.ondone).toHaveBeenCalledOnce();
    hover.mockRestore();
  });

  test("stays after every other outcome", async () => {
    for (const name of [
      "reported",
      "expired",
      "cancelled",
      "locked",
      "not-taken",
      "unclear",
      "elsewhere",
      "offline",
      "sending",
    ] as const) {
      const { acts, unmount } = renderPrompt(prompts[name]);
      await wait(60_000);
      expect(acts.ondone, name).not.toHaveBeenCalled();
      unmount();
    }
  });

  test("announces 60, 30 and 10 seconds, then the outcome once", async () => {
    const { props, rerender } = renderPrompt(prompts["high-risk"]);
    const { request } = prompts["high-risk"].shown;
    const heard: string[] = [];
    const said = () => document.querySelector("[role=status]")?.textContent ?? "";
    for (let left = 61; left >= 9; left -= 1) {
      await rerender({ ...props, now: (request.expires_at ?? 0) - left });
      if (said() !== (heard.at(-1) ?? "")) heard.push(said());
    }
    await rerender({ ...props, shown: prompts.success.shown });
    heard.push(said());
    expect(heard).toEqual(["60 seconds left", "30 seconds left", "10 seconds left", "Approved"]);
  });

  test("without the agent nothing can be sent", async () => {
    const { acts } = renderPrompt(prompts["agent-lost"]);
    await fireEvent.click(button("Approve"));
    await fireEvent.click(button("Deny"));
    expect(acts.onanswer).not.toHaveBeenCalled();
    expect(screen.getByText("The agent is not answering")).toBeTruthy();
  });

  test("an answer on its way is not sent twice", async () => {
    const { acts } = renderPrompt(prompts.ready, { busy: true });
    await fireEvent.click(button("Approve"));
    await fireEvent.click(button("Deny"));
    expect(acts.onanswer).not.toHaveBeenCalled();
  });
});
