// Something that takes its time and may fail. One at a time; what went wrong stays until the next try.
import * as ipc from "./ipc";

export class Task {
  busy = $state(false);
  failure = $state<string | null>(null);

  async run(action: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.failure = null;
    try {
      await action();
    } catch (error) {
      this.failure = ipc.message(error);
    } finally {
      this.busy = false;
    }
  }
}
