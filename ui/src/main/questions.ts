// What is asked before an account is changed, and what is said afterwards.
import type { AccountView } from "../bindings/AccountView";
import * as ipc from "../lib/ipc";
import { t } from "../messages";
import { nameOf } from "./account";

export type Question = "rename" | "rotate" | "revoke" | "remove";

export interface Asked {
  title: string;
  text?: string;
  /** The answer that changes nothing. */
  safe: string;
  confirm: string;
  danger: boolean;
  /** Does it, and says that it is done. */
  act: (name: string) => Promise<string | null>;
}

export function ask(question: Question, account: AccountView): Asked {
  const name = nameOf(account);
  const { id, issuer_name: issuer, account: label } = account;
  switch (question) {
    case "rename":
      return {
        title: t("rename.title", { name }),
        safe: t("main.cancel"),
        confirm: t("rename.save"),
        danger: false,
        act: async (chosen) => {
          await ipc.renameAccount(id, chosen === "" ? null : chosen);
          return null;
        },
      };
    case "rotate":
      return {
        title: t("rotate.title", { name }),
        text: t("rotate.text", { issuer }),
        safe: t("main.cancel"),
        confirm: t("rotate.confirm"),
        danger: false,
        act: async () => {
          await ipc.rotateKey(id);
          return t("rotate.done", { issuer });
        },
      };
    case "revoke":
      return {
        title: t("revoke.title"),
        text: t("revoke.text", { issuer, account: label }),
        safe: t("revoke.back"),
        confirm: t("revoke.confirm"),
        danger: true,
        act: async () => {
          await ipc.revokeDevice(id);
          return t("revoke.done", { issuer });
        },
      };
    case "remove":
      return {
        title: t("remove.title", { name }),
        text: t(account.collection === null ? "remove.text" : "remove.collection", { issuer }),
        safe: t("remove.keep"),
        confirm: t("remove.confirm"),
        danger: true,
        act: async () => {
          await ipc.removeAccount(id);
          return t("remove.done", { name });
        },
      };
  }
}
