import axe from "axe-core";

/** The accessibility rules that this page breaks, with where. */
export async function violations(page: Element = document.documentElement): Promise<string[]> {
  const { violations } = await axe.run(page, {
    // Contrast is computed from the tokens (scripts/contrast.mjs): jsdom draws nothing.
    rules: { "color-contrast": { enabled: false } },
  });
  return violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}`));
}
