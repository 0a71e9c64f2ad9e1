// The example table: reaction rates computed from the Arrhenius law, so that the formula is known.

const ROWS = 500;
const GAS_CONSTANT = 8.314462618; // J/(mol K)
const ENERGY = 50_000; // J/mol
const FACTOR = 2.5e6;

export function example() {
  const random = generator(1);
  const lines = ["concentration,temperature,rate"];
  for (let row = 0; row < ROWS; row += 1) {
    const concentration = Number((0.1 + 1.9 * random()).toFixed(4));
    const temperature = Number((280 + 120 * random()).toFixed(2));
    const rate = FACTOR * concentration ** 2 * Math.exp(-ENERGY / (GAS_CONSTANT * temperature));
    lines.push([concentration, temperature, rate].join(","));
  }
  return {
    file: new File([`${lines.join("\n")}\n`], "reaction-rates.csv", { type: "text/csv" }),
    units: { concentration: "mol/L", temperature: "K", rate: "mol/(L s)" },
  };
}

/** A deterministic generator of numbers from 0 to 1 (Mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
