// Which request a prompt shows.
import type { PromptTarget } from "../bindings/PromptTarget";
import type { RequestView } from "../bindings/RequestView";

export interface Shown {
  request: RequestView;
  /** The agent no longer lists it, and it had not ended when it did: it waited, or an answer was on its way. */
  gone: boolean;
}

export const isPending = (request: RequestView) => request.state.name === "pending";

/**
 * The request to show: the one that the person opened; otherwise the one on screen for as long as it is there, also after it
 * ended. A prompt that opens by itself never takes the place of a request that is being read: it shows the oldest one that waits.
 */
export function choose(
  requests: RequestView[],
  target: PromptTarget,
  current: Shown | null,
  opened: boolean,
): Shown | null {
  const same = requests.find((request) => request.id === current?.request.id);
  // It may be known only after the window was opened for it.
  const named = requests.find((request) => request.id === target.request);
  const wanted = opened || current === null ? named : undefined;
  if (wanted && target.activation !== "unasked") return { request: wanted, gone: false };
  if (same && (!opened || same.state.name !== "ended")) return { request: same, gone: false };
  if (wanted) return next(requests, null) ?? { request: wanted, gone: false };
  if (same) return { request: same, gone: false };
  if (current) return { request: current.request, gone: current.request.state.name !== "ended" };
  return next(requests, null);
}

/** The oldest waiting request other than this one. */
export function next(requests: RequestView[], after: string | null): Shown | null {
  const request = requests.find((request) => isPending(request) && request.id !== after);
  return request ? { request, gone: false } : null;
}
