// Everything that crosses into the shell: one function per command (src-tauri/src/commands.rs), and the snapshots.
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { AccountView } from "../bindings/AccountView";
import type { ApiError } from "../bindings/ApiError";
import type { EnrolmentOffer } from "../bindings/EnrolmentOffer";
import type { MainView } from "../bindings/MainView";
import type { PromptView } from "../bindings/PromptView";
import type { Reason } from "../bindings/Reason";
import type { RequestView } from "../bindings/RequestView";
import type { SettingsView } from "../bindings/SettingsView";
import type { Verdict } from "../bindings/Verdict";
import { chooseLanguage } from "../messages";
import { currentLocale } from "./format";

/** A person's answer to one request. */
export interface Answer {
  verdict: Verdict;
  matchCode?: string;
  reason?: Reason;
}

/** The prompt's snapshots: the current one, then each new one, until the returned function is called. */
export function promptViews(show: (view: PromptView) => void): Promise<() => void> {
  return views("prompt", "prompt_view", show);
}

/** The main window's snapshots. */
export function mainViews(show: (view: MainView) => void): Promise<() => void> {
  return views("main", "main_view", show);
}

/** The whole statement has been on screen. */
export const shown = (id: string) => invoke<void>("shown", { id });

export const decide = (request: RequestView, answer: Answer) =>
  invoke<RequestView>("decide", {
    id: request.id,
    verdict: answer.verdict,
    matchCode: answer.matchCode ?? null,
    reason: answer.reason ?? null,
    locale: currentLocale(),
    statementHash: request.statement_hash,
  });

/** From the main window, which cannot approve. */
export const deny = (request: RequestView) =>
  invoke<RequestView>("deny", {
    id: request.id,
    locale: currentLocale(),
    statementHash: request.statement_hash,
  });

export const withdraw = (id: string) => invoke<void>("withdraw", { id });

/** Gives the prompt this height, in CSS pixels, and shows it the first time. */
export const fit = (height: number) => invoke<void>("fit", { height });

export const openPrompt = (id: string) => invoke<void>("open_prompt", { id });
export const openMain = () => invoke<void>("open_main");
export const closeWindow = () => invoke<void>("close_window");

export const previewEnrolment = (link: string) => invoke<EnrolmentOffer>("preview_enrolment", { link });
export const acceptEnrolment = (offer: string, deviceName: string) =>
  invoke<AccountView>("accept_enrolment", { offer, deviceName });
export const cancelEnrolment = (offer: string) => invoke<void>("cancel_enrolment", { offer });

export const startAgent = () => invoke<void>("start_agent");

/** What a failed command says to people. */
export function message(error: unknown): string {
  if (typeof error === "object" && error !== null && "message" in error) return (error as ApiError).message;
  return String(error);
}

async function views<View extends { settings: SettingsView | null }>(
  window: string,
  command: string,
  show: (view: View) => void,
): Promise<() => void> {
  let told = false;
  const take = (view: View) => {
    if (view.settings !== null) chooseLanguage(view.settings.values.language);
    show(view);
  };
  // Listening comes first, so that no change falls between the two; a change is newer than the first snapshot.
  const stop = await listen<View>(
    "view",
    (event) => {
      told = true;
      take(event.payload);
    },
    { target: window },
  );
  const first = await invoke<View>(command);
  if (!told) take(first);
  return stop;
}
