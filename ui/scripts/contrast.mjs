// Computes every text pair (4.5:1) and every control boundary (3:1) of tokens.css, light and dark.
// node scripts/contrast.mjs        exits 1 if a pair falls short
import { readFileSync } from "node:fs";

const css = readFileSync(new URL("../src/styles/tokens.css", import.meta.url), "utf8");
const base = css.slice(0, css.indexOf("@media (prefers-contrast"));
const colour = {};
for (const [, name, light, dark] of base.matchAll(/--c-([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)/g))
  colour[name] = { light, dark };

const luminance = (hex) => {
  const [r, g, b] = [1, 3, 5]
    .map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (a, b) => {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi + 0.05) / (lo + 0.05);
};

const grounds = ["window", "sidebar", "surface", "inset", "control-bg", "field", "hover"];
const pairs = [
  ...["text", "text-2", "text-3"].flatMap((t) => grounds.map((g) => [t, g, 4.5])),
  ...["text", "text-2"].flatMap((t) => ["pressed", "selected"].map((g) => [t, g, 4.5])),
  ...["accent-text", "danger-text", "warning-text", "success-text"].flatMap((t) =>
    ["window", "sidebar", "surface", "inset", "control-bg", "hover"].map((g) => [t, g, 4.5]),
  ),
  ...["accent", "danger", "warning", "success"].flatMap((s) => [
    [`${s}-text`, `${s}-tint`, 4.5],
    ["text", `${s}-tint`, 4.5],
    ["text-2", `${s}-tint`, 4.5],
  ]),
  ["on-accent", "accent", 4.5],
  ["on-accent", "accent-hover", 4.5],
  ["on-danger", "danger", 4.5],
  ["on-danger", "danger-hover", 4.5],
  ...["window", "sidebar", "surface", "inset", "field"].map((g) => ["control", g, 3]),
  ...["window", "surface", "inset"].map((g) => ["accent", g, 3]),
  ...["window", "sidebar", "surface", "inset", "field"].map((g) => ["accent-text", g, 3]),
];

let failed = 0,
  worst = { light: [99], dark: [99] };
for (const [fg, bg, need] of pairs)
  for (const mode of ["light", "dark"]) {
    if (!colour[fg] || !colour[bg]) {
      console.log(`missing token: ${fg} or ${bg}`);
      failed++;
      continue;
    }
    const r = ratio(colour[fg][mode], colour[bg][mode]);
    if (need === 4.5 && r < worst[mode][0]) worst[mode] = [r, `${fg} on ${bg}`];
    if (r < need) {
      console.log(`FAIL ${mode}: ${fg} on ${bg} ${r.toFixed(2)} < ${need}`);
      failed++;
    }
  }
console.log(`${pairs.length} pairs in 2 themes, ${failed} short.`);
for (const mode of ["light", "dark"])
  console.log(`lowest text pair, ${mode}: ${worst[mode][1]} ${worst[mode][0].toFixed(2)}:1`);
process.exit(failed ? 1 : 0);
