// Which colours of tokens.css meet, and how much contrast each pair needs: text 4.5:1, the bounds of a control 3:1.

/** The colours of a stylesheet, by name: `light-dark(light, dark)`. */
export function colours(css) {
  const base = css.slice(0, css.indexOf("@media (prefers-contrast"));
  const found = {};
  for (const [, name, light, dark] of base.matchAll(/--c-([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)/g))
    found[name] = [light, dark];
  return found;
}

const luminance = (hex) => {
  const [r, g, b] = [1, 3, 5]
    .map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
export const ratio = (a, b) => {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi + 0.05) / (lo + 0.05);
};

const grounds = ["window", "sidebar", "surface", "inset", "control-bg", "field", "hover"];
/** [in front, behind, least contrast] */
export const pairs = [
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
