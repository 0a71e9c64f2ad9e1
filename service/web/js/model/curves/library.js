// The functions of the library, by their names in the service.

const POWER = /^(1\/)?x(?:\^([\d.]+))?$/;
const sigmoid = (u) => 1 / (1 + Math.exp(-u));
const NAMED = {
  gaussian: (u) => Math.exp(-u * u),
  lorentzian: (u) => 1 / (1 + u * u),
  sigmoid,
  softplus: (u) => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u))),
  silu: (u) => u * sigmoid(u),
  planck: (u) => 1 / Math.expm1(u),
  "sqrt(1+x^2)": (u) => Math.sqrt(1 + u * u),
  "1/sqrt": (u) => 1 / Math.sqrt(u),
};

/** A function by its name; null if the page cannot evaluate it. */
export function libraryFunction(name) {
  const [, isReciprocal, exponent] = name.match(POWER) ?? [];
  if (POWER.test(name)) return (u) => u ** ((isReciprocal ? -1 : 1) * (exponent ?? 1));
  return NAMED[name] ?? (typeof Math[name] === "function" ? Math[name] : null);
}

/** The curve of a suggestion, c·f(a·x + b) + d. */
export function suggestedCurve({ function: name, a, b, c, d }) {
  const f = libraryFunction(name);
  return f && ((x) => c * f(a * x + b) + d);
}
