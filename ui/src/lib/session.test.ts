// What the shell says of the session counts before what the web engine believes.
import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  history.replaceState(null, "", "/");
  vi.resetModules();
});

test.each([
  ["", "en-US", "9:47 PM"],
  ["?language=&times=", "en-GB", "21:47"],
  ["?language=de-AT&times=de-AT", "de-AT", "21:47"],
  ["?language=en-US&times=en-GB", "en-GB", "21:47"],
  ["?language=en-US&times=en-US", "en-US", "9:47 PM"],
])("%s", async (address, locale, time) => {
  history.replaceState(null, "", `/${address}`);
  vi.resetModules();
  const { chooseLanguage } = await import("../messages");
  await chooseLanguage(null);
  const format = await import("./format");
  const at = new Date(2026, 10, 22, 21, 47).getTime() / 1000;
  expect(format.time(at).replace("\u202f", " ")).toBe(time);
  if (address !== "?language=&times=") expect(format.currentLocale()).toBe(locale);
});
