// The shell as the windows see it: commands are recorded and answered, snapshots are sent.
import { emit } from "@tauri-apps/api/event";
import { mockIPC, mockWindows } from "@tauri-apps/api/mocks";

export interface Call {
  command: string;
  args: Record<string, unknown>;
}

export function mockShell(
  window: "prompt" | "main",
  answers: Record<string, (args: Record<string, unknown>) => unknown>,
) {
  const calls: Call[] = [];
  mockWindows(window);
  mockIPC(
    (command, args) => {
      const taken = { ...(args as Record<string, unknown>) };
      calls.push({ command, args: taken });
      return answers[command]?.(taken);
    },
    { shouldMockEvents: true },
  );
  return {
    calls,
    of: (command: string) => calls.filter((call) => call.command === command).map((call) => call.args),
    send: (view: unknown) => emit("view", view),
  };
}
