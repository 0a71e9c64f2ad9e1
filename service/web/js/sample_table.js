// The example table: reaction rates computed from the Arrhenius law, so that the formula is known.

const TABLE = "reaction-rates.csv";

export async function example() {
  const table = await (await fetch(`assets/example/${TABLE}`)).blob();
  return { file: new File([table], TABLE, { type: "text/csv" }), units: { concentration: "mol/L", temperature: "K", rate: "mol/(L s)" } };
}
