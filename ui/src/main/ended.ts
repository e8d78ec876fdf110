// How a request ended, in a few words.
import type { Outcome } from "../bindings/Outcome";
import type { IconName } from "../lib/icons";
import { t } from "../messages";

interface Ended {
  outcome: Outcome;
  by_this_device: boolean;
  device_name: string | null;
}

export function ended({ outcome, by_this_device, device_name }: Ended): {
  icon: IconName;
  tone: string;
  text: string;
} {
  switch (outcome) {
    case "approved":
    case "denied":
    case "reported":
      if (!by_this_device) {
        const device = device_name ?? t("state.another_device");
        return { icon: "device", tone: "", text: t(`state.${outcome}.elsewhere`, { device }) };
      }
      return {
        icon: ({ approved: "ok", denied: "fail", reported: "flag" } as const)[outcome],
        tone: ({ approved: "is-ok", denied: "", reported: "is-fail" } as const)[outcome],
        text: t(`state.${outcome}`),
      };
    case "expired":
      return { icon: "clock", tone: "", text: t("state.expired") };
    case "cancelled":
      return { icon: "x", tone: "", text: t("state.cancelled") };
    case "locked":
      return { icon: "lock", tone: "", text: t("state.locked") };
    case "not_taken":
      return { icon: "fail", tone: "is-fail", text: t("state.not_taken") };
    case "unclear":
      return { icon: "info", tone: "", text: t("state.unclear") };
  }
}
