// What became of a request, in words.
import type { Outcome } from "../bindings/Outcome";
import type { RequestState } from "../bindings/RequestState";
import { time, timeWithSeconds } from "../lib/format";
import type { IconName } from "../lib/icons";
import { phrase, type Phrase } from "../lib/phrase";
import { REPORTABLE, reportable } from "../lib/report";
import { t } from "../messages";
import type { Shown } from "./queue";

export interface Ending {
  icon: IconName;
  tone: "" | "success" | "danger" | "warning";
  spins: boolean;
  title: string;
  text: Phrase;
  /** Beside who asked, under the sentence; none after a report, where there is advice instead. */
  recap: Phrase | null;
  advice: Phrase | null;
  receiptInvalid: boolean;
  /** The window closes by itself after a while. */
  closes: boolean;
  /** The answer has not left this computer. */
  queued: { withdraw: string | null; retryAt: number } | null;
  /** The answer is on its way. */
  sending: boolean;
  /** What is to be typed where it started. */
  code: string | null;
  /** The person can still say that this was not them. */
  reportable: boolean;
}

type Ended = Extract<RequestState, { name: "ended" }>;

/** Nothing while the request waits for the person. */
export function ending(shown: Shown, client: string, now: number): Ending | null {
  const { request } = shown;
  const issuer = request.issuer_name;
  const plainly = {
    spins: false,
    advice: null,
    receiptInvalid: false,
    closes: false,
    queued: null,
    sending: false,
    code: null,
    reportable: false,
  };
  const asked = phrase("recap.asked", { client, time: time(request.issued_at) });
  const { state } = request;
  if (shown.gone)
    return {
      ...plainly,
      icon: "info",
      title: t("gone.title"),
      recap: asked,
      ...(state.name === "pending"
        ? { tone: "", text: phrase("gone.text") }
        : { tone: "warning", text: phrase("gone.answered", { client }) }),
    };
  switch (state.name) {
    case "pending":
      return null;
    case "sending":
      return {
        ...plainly,
        icon: "arc",
        tone: "",
        spins: true,
        title: t(`sending.${state.verdict}`),
        text: phrase("sending.text", { issuer }),
        recap: phrase("recap.issuer", { client, issuer }),
        sending: true,
      };
    case "queued":
      return {
        ...plainly,
        icon: "offline",
        tone: "warning",
        title: t("queued.title"),
        text: phrase(request.capabilities.can_withdraw ? `queued.${state.verdict}` : "queued.once", {
          host: request.issuer_host,
        }),
        recap: phrase("recap.issuer", { client, issuer }),
        queued: {
          withdraw: request.capabilities.can_withdraw ? t(`queued.withdraw.${state.verdict}`) : null,
          retryAt: state.retry_at,
        },
      };
    case "ended":
      return {
        ...plainly,
        ...ended(state, shown, client),
        receiptInvalid: state.receipt === "invalid",
        reportable: request.capabilities.reports === "taken" && reportable(state, now - REPORTABLE),
      };
  }
}

type Words = Pick<Ending, "icon" | "tone" | "title" | "text" | "recap"> & Partial<Ending>;

function ended(state: Ended, { request }: Shown, client: string): Words {
  const issuer = request.issuer_name;
  const asked = phrase("recap.asked", { client, time: time(request.issued_at) });
  if (state.reported_at !== null) {
    return {
      icon: "flag",
      tone: "danger",
      title: t("late.title"),
      text:
        state.muted_until === null
          ? phrase("late.text", { issuer })
          : phrase("late.muted", { issuer, client, time: time(state.muted_until) }),
      recap: asked,
      advice: phrase("reported.advice", { issuer }),
    };
  }
  if (!state.by_this_device && isDecision(state.outcome)) {
    const device = state.device_name ?? t("elsewhere.device");
    return {
      icon: "device",
      tone: "",
      title: t(`elsewhere.${state.outcome}`),
      text: phrase(`elsewhere.${state.outcome}.text`, { device, time: time(state.at) }),
      recap: asked,
    };
  }
  const confirmed = { issuer, time: timeWithSeconds(state.at) };
  // Without a receipt the server has only taken the answer.
  const proven = state.receipt !== "none";
  const receipt = proven ? phrase(`recap.receipt.${state.receipt}`, { client }) : asked;
  if (state.outcome === "approved" && state.code !== null)
    return {
      icon: "check",
      tone: "warning",
      title: t("taken.code.title", { code: state.code }),
      text: phrase("taken.code.text", confirmed),
      recap: asked,
      code: state.code,
    };
  switch (state.outcome) {
    case "approved":
      return {
        icon: "check",
        tone: "success",
        title: t("approved.title"),
        text: phrase(proven ? "approved.text" : "taken.text", confirmed),
        recap: receipt,
        closes: true,
      };
    case "denied":
      return {
        icon: "x",
        tone: "",
        title: t("denied.title"),
        text: phrase(proven ? "denied.text" : "taken.text", confirmed),
        recap: receipt,
        closes: true,
      };
    case "reported":
      return {
        icon: "flag",
        tone: "danger",
        title: t("reported.title"),
        text:
          state.muted_until === null
            ? phrase("reported.text", { issuer })
            : phrase("reported.muted", { issuer, client, time: time(state.muted_until) }),
        recap: null,
        advice: phrase("reported.advice", { issuer }),
      };
    case "expired":
      return {
        icon: "clock",
        tone: "",
        title: t("expired.title"),
        text: phrase("expired.text", { client }),
        recap: asked,
      };
    case "cancelled":
      return {
        icon: "x",
        tone: "",
        title: t("cancelled.title"),
        text: phrase("cancelled.text", { client, time: time(state.at) }),
        recap: asked,
      };
    case "locked":
      return {
        icon: "lock",
        tone: "warning",
        title: t("locked.title"),
        text: phrase("locked.text", { issuer, client }),
        recap: asked,
      };
    case "not_taken":
      return {
        icon: "x",
        tone: "warning",
        title: t("not_taken.title"),
        text: phrase("not_taken.text", { issuer, client }),
        recap: asked,
      };
    case "unclear":
      return {
        icon: "info",
        tone: "warning",
        title: t("unclear.title"),
        text: phrase("unclear.text", { issuer, client }),
        recap: asked,
      };
  }
}

function isDecision(outcome: Outcome): outcome is "approved" | "denied" | "reported" {
  return outcome === "approved" || outcome === "denied" || outcome === "reported";
}
