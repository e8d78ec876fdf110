// Everything that crosses into the shell: one function per command (src-tauri/src/commands/), and the snapshots.
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { AccountView } from "../bindings/AccountView";
import type { AccountId } from "../bindings/AccountId";
import type { ApiError } from "../bindings/ApiError";
import type { CameraView } from "../bindings/CameraView";
import type { Check } from "../bindings/Check";
import type { CodeEdit } from "../bindings/CodeEdit";
import type { CodeEntry } from "../bindings/CodeEntry";
import type { CodeId } from "../bindings/CodeId";
import type { CodesPage } from "../bindings/CodesPage";
import type { EnrolledView } from "../bindings/EnrolledView";
import type { ExportForm } from "../bindings/ExportForm";
import type { HistoryEntry } from "../bindings/HistoryEntry";
import type { HistoryFilter } from "../bindings/HistoryFilter";
import type { ImportView } from "../bindings/ImportView";
import type { MainView } from "../bindings/MainView";
import type { NewCode } from "../bindings/NewCode";
import type { Preview } from "../bindings/Preview";
import type { Page } from "../bindings/Page";
import type { PromptView } from "../bindings/PromptView";
import type { QrBatch } from "../bindings/QrBatch";
import type { QrImport } from "../bindings/QrImport";
import type { QrPicture } from "../bindings/QrPicture";
import type { QrSource } from "../bindings/QrSource";
import type { QrTexts } from "../bindings/QrTexts";
import type { Reason } from "../bindings/Reason";
import type { RequestId } from "../bindings/RequestId";
import type { RequestView } from "../bindings/RequestView";
import type { SettingChange } from "../bindings/SettingChange";
import type { SettingsView } from "../bindings/SettingsView";
import type { ShownCode } from "../bindings/ShownCode";
import type { VaultView } from "../bindings/VaultView";
import type { Verdict } from "../bindings/Verdict";
import { currentLocale } from "./format";
import { explained } from "./said";

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

/** One that has ended: its outcome stays. */
export const report = (id: string) => invoke<HistoryEntry>("report", { id, locale: currentLocale() });

/** What is to be typed where an approved request started; otherwise as {@link copyCode}. */
export const copyCodeToType = (id: string) => invoke<number | null>("copy_code_to_type", { id });

export const withdraw = (id: string) => invoke<void>("withdraw", { id });

/** Gives the prompt this height, in CSS pixels, and shows it the first time. */
export const fit = (height: number) => invoke<void>("fit", { height });

export const openPrompt = (id: string) => invoke<void>("open_prompt", { id });
export const openMain = () => invoke<void>("open_main");
/** Keeps the page that is open, for the next time. */
export const rememberPage = (page: Page) => invoke<void>("remember_page", { page });
export const closeWindow = () => invoke<void>("close_window");

/** The form has the link of this opening. It is not told again. */
export const linkTaken = (opening: number) => invoke<void>("link_taken", { opening });

export const previewEnrolment = (link: string, sha256: string | null) =>
  invoke<Preview>("preview_enrolment", { link, sha256 });
export const acceptEnrolment = (offer: string, deviceName: string) =>
  invoke<EnrolledView>("accept_enrolment", { offer, deviceName });
export const cancelEnrolment = (offer: string) => invoke<void>("cancel_enrolment", { offer });

/** The texts of the QR codes found there, but for those of one-time codes; nothing if the person has chosen no picture. */
export const readQr = (source: QrSource) => invoke<QrTexts | null>("read_qr", { source });

/** What the camera sees, until the returned function is called. */
export const cameraViews = (show: (view: CameraView) => void) =>
  listen<CameraView>("camera", (event) => show(event.payload), { target: "main" });
/** What waits for the camera ends without a code. */
export const stopCamera = () => invoke<void>("stop_camera");

export const setPolling = (account: AccountId, seconds: number | null) =>
  invoke<AccountView>("set_polling", { account, seconds });
export const renameAccount = (account: AccountId, name: string | null) =>
  invoke<AccountView>("rename_account", { account, name });
/** What comes of it is in the snapshots. */
export const refreshAccount = (account: AccountId) => invoke<AccountView>("refresh_account", { account });
export const rotateKey = (account: AccountId) => invoke<AccountView>("rotate_key", { account });
export const revokeDevice = (account: AccountId) => invoke<AccountView>("revoke_device", { account });
export const removeAccount = (account: AccountId) => invoke<void>("remove_account", { account });
/** Shows the requests of one client that were held back. */
export const releaseHeldBack = (account: AccountId, clientId: string) =>
  invoke<RequestView[]>("release_held_back", { account, clientId });

/** Holds notifications back until then, or no longer. */
export const mute = (until: number | null) => invoke<void>("mute", { until });

/** Newest first. */
export const history = (limit: number, before: RequestId | null, filter: HistoryFilter) =>
  invoke<HistoryEntry[]>("history", { limit, before, filter });

/** The signed evidence file of an ended request. */
export const evidence = (id: RequestId) => invoke<string>("evidence", { id });

/** Both ask where to, and say the file's name; nothing if the person has chosen none. */
export const exportReceipt = (id: RequestId) => invoke<string | null>("export_receipt", { id });
export const exportActivity = (filter: HistoryFilter) => invoke<string | null>("export_activity", { filter });

export const settings = () => invoke<SettingsView>("settings");
export const changeSetting = (change: SettingChange) => invoke<SettingsView>("change_setting", { change });

/** Absolute paths; nothing if the person has chosen none. */
export const chooseCaFiles = () => invoke<string[] | null>("choose_ca_files");

/** Some entries: in the person's order, or the best match first. */
export const listCodes = (query: string, tag: string | null, from: number, limit: number) =>
  invoke<CodesPage>("list_codes", { query, tag, from, limit });
export const showCodes = (ids: CodeId[]) => invoke<ShownCode[]>("show_codes", { ids });
/** Until when it is on the clipboard, in seconds since 1970; null: until something else is. */
export const copyCode = (id: CodeId) => invoke<number | null>("copy_code", { id });
/** The next code of an entry that follows a counter. */
export const advanceCode = (id: CodeId) => invoke<ShownCode>("advance_code", { id });
export const addCode = (entry: NewCode) => invoke<CodeEntry>("add_code", { entry });
export const editCode = (id: CodeId, edit: CodeEdit) => invoke<CodeEntry>("edit_code", { id, edit });
/** Directly before this one, or to the end. */
export const moveCode = (id: CodeId, before: CodeId | null) => invoke<void>("move_code", { id, before });
/** Until when it can be restored, in seconds since 1970. */
export const removeCode = (id: CodeId) => invoke<number>("remove_code", { id });
export const restoreCode = (id: CodeId) => invoke<CodeEntry>("restore_code", { id });
export const codeQr = (id: CodeId) => invoke<QrPicture>("code_qr", { id });
export const correctClock = (offset: number) => invoke<VaultView>("correct_clock", { offset });

/** Asks for the file; null if the person has chosen none. */
export const previewImportFile = () => invoke<ImportView | null>("preview_import_file");
/** Null if it was a link that adds an account: the form for that has it now. So with QR codes. */
export const previewImportText = (text: string) => invoke<ImportView | null>("preview_import_text", { text });
/** The link of codes that the app was opened with: its text stays in the shell. */
export const previewOpenedLink = (opening: number) => invoke<ImportView>("preview_opened_link", { opening });
/** As with files. What the codes say stays in the shell. */
export const previewImportQr = (source: QrSource, codes: QrBatch) =>
  invoke<QrImport | null>("preview_import_qr", { source, codes });
export const unlockImport = (id: string, password: string) =>
  invoke<ImportView>("unlock_import", { import: id, password });
/** How many were added. */
export const applyImport = (id: string) => invoke<number>("apply_import", { import: id });
export const cancelImport = (id: string) => invoke<void>("cancel_import", { import: id });

/** Asks where to, and says the file's name; null if the person has chosen none. */
export const exportCodes = (form: ExportForm) => invoke<string | null>("export_codes", { form });
/** Asks for the folder; null if the person has chosen none. Without a password it stays as it is. */
export const chooseBackups = (password: string | null) =>
  invoke<VaultView | null>("choose_backups", { password });
export const changeBackupPassword = (password: string) =>
  invoke<VaultView>("change_backup_password", { password });
export const endBackups = () => invoke<VaultView>("end_backups");
export const backUp = () => invoke<VaultView>("back_up");

/** In the order a packet travels. */
export const diagnostics = () => invoke<Check[]>("diagnostics");

/** Puts it on the clipboard. */
export const copyText = (text: string) => invoke<void>("copy_text", { text });

export const startAgent = () => invoke<void>("start_agent");

/** Why a command failed, for programs. */
export function failure(error: unknown): ApiError {
  const told = typeof error === "object" && error !== null && "code" in error && "message" in error;
  return told ? (error as ApiError) : { code: "unavailable", message: String(error) };
}

/** What a failed command says to people. */
export function message(error: unknown): string {
  if (typeof error !== "object" || error === null || !("message" in error)) return String(error);
  const { code, message, cause } = error as ApiError;
  return explained(code, message, cause);
}

async function views<View>(window: string, command: string, show: (view: View) => void): Promise<() => void> {
  let told = false;
  // Listening comes first, so that no change falls between the two; a change is newer than the first snapshot.
  const stop = await listen<View>(
    "view",
    (event) => {
      told = true;
      show(event.payload);
    },
    { target: window },
  );
  const first = await invoke<View>(command);
  if (!told) show(first);
  return stop;
}
