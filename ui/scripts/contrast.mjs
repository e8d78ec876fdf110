// Computes every text pair (4.5:1) and every control boundary (3:1) of tokens.css, light and dark.
// node scripts/contrast.mjs        exits 1 if a pair falls short
import { readFileSync } from "node:fs";
import { colours, pairs, ratio } from "./pairs.mjs";

const colour = colours(readFileSync(new URL("../src/styles/tokens.css", import.meta.url), "utf8"));

let failed = 0;
const modes = ["light", "dark"];
const worst = modes.map(() => [99]);
for (const [fg, bg, need] of pairs)
  for (const [at, mode] of modes.entries()) {
    if (!colour[fg] || !colour[bg]) {
      console.log(`missing token: ${fg} or ${bg}`);
      failed++;
      continue;
    }
    const r = ratio(colour[fg][at], colour[bg][at]);
    if (need === 4.5 && r < worst[at][0]) worst[at] = [r, `${fg} on ${bg}`];
    if (r < need) {
      console.log(`FAIL ${mode}: ${fg} on ${bg} ${r.toFixed(2)} < ${need}`);
      failed++;
    }
  }
console.log(`${pairs.length} pairs in 2 themes, ${failed} short.`);
for (const [at, mode] of modes.entries())
  console.log(`lowest text pair, ${mode}: ${worst[at][1]} ${worst[at][0].toFixed(2)}:1`);
process.exit(failed ? 1 : 0);
