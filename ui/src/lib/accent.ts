// The desktop's accent colour in place of our ink blue, where it is fit for that: not where it is nearly grey, and not where it
// is nearly the red or the green that mean something here.
// Every colour keeps the luminance of the one it replaces, and with it every contrast that scripts/contrast.mjs computes.
import type { Accent } from "../bindings/Accent";
import { atLuminance, chromaAndHue, fromBytes, fromHex, luminance, toHex } from "./oklch";

type Colour = readonly [light: string, dark: string];

/** Ours, as in tokens.css. */
export const INK_BLUE = {
  accent: ["#1a5fb4", "#3373cb"],
  "accent-hover": ["#164f97", "#265fb0"],
  "accent-text": ["#1a5fb4", "#8dbaf6"],
  "accent-tint": ["#e9f1fb", "#22324a"],
} as const satisfies Record<string, Colour>;

/** What warns of danger, and what says "checked and right", as in tokens.css. */
export const MEANT = {
  danger: ["#b3261e", "#bf3a31"],
  "success-text": ["#1b6838", "#86d09a"],
} as const satisfies Record<string, Colour>;

const APART = (20 * Math.PI) / 180;
const LEAST_CHROMA = 0.04;
/** What ours is scaled from. */
const FULL_CHROMA = chromaAndHue(fromHex(INK_BLUE.accent[0])).chroma;

/** Puts it on the page, or ours back. */
export function apply(accent: Accent | null): void {
  const { style } = document.documentElement;
  const colours = accent && derive(accent);
  for (const name of Object.keys(INK_BLUE)) {
    const colour = colours?.[name];
    if (colour) style.setProperty(`--c-${name}`, `light-dark(${colour.join(", ")})`);
    else style.removeProperty(`--c-${name}`);
  }
}

/** Ours turned to its hue, as colourful as it is; nothing if it is not fit. */
export function derive({ r, g, b }: Accent): Record<string, Colour> | null {
  const { chroma, hue } = chromaAndHue(fromBytes(r, g, b));
  if (chroma < LEAST_CHROMA || isMeant(hue)) return null;
  const turned = (ours: string): string => {
    const rgb = fromHex(ours);
    const share = chromaAndHue(rgb).chroma / FULL_CHROMA;
    return toHex(atLuminance(luminance(rgb), chroma * share, hue));
  };
  return Object.fromEntries(
    Object.entries(INK_BLUE).map(([name, [light, dark]]) => [name, [turned(light), turned(dark)]]),
  );
}

function isMeant(hue: number): boolean {
  return Object.values(MEANT)
    .flat()
    .some((colour) => {
      const turn = Math.abs(hue - chromaAndHue(fromHex(colour)).hue);
      return Math.min(turn, 2 * Math.PI - turn) < APART;
    });
}
