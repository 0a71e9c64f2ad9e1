// Problems to start from. Each is in the words of the form, and the service solves each of them.

import { EMPTY } from "./body.js";

const problem = (variables, unknowns, equations, conditions) => ({
  ...EMPTY,
  variables: variables.join("\n"),
  unknowns,
  equations: equations.join("\n"),
  conditions: conditions.join("\n"),
});

export const GALLERY = {
  oscillator: problem(["0 < t < 10"], "y", ["y'' + 0.4*y' + 4*y = 0"], ["y(0) = 1", "y'(0) = 0"]),
  logistic: problem(["0 < t < 10"], "N", ["dN/dt = 0.8*N*(1 - N/100)"], ["N(0) = 5"]),
  predators: problem(["0 < t < 15"], "u, v", ["u' = u - u*v", "v' = u*v - v"], ["u(0) = 2", "v(0) = 1"]),
  pendulum: problem(["0 < t < 5"], "theta", ["theta'' = -9.81*sin(theta)"], ["theta(0) = 2", "theta'(0) = 0"]),
  chain: problem(["0 < t < 10"], "A, B, C", ["A' = -A", "B' = A - 0.5*B", "C' = 0.5*B"], ["A(0) = 1", "B(0) = 0", "C(0) = 0"]),
  bessel: problem(["0 < x < 10"], "y", ["x*y'' + y' + x*y = 0"], ["y(0) = 1", "y'(0) = 0"]),
  legendre: problem(["-1 < x < 1"], "y", ["(1 - x^2)*y'' - 2*x*y' + 12*y = 0"], ["y(0) = 0", "y'(0) = -1.5"]),
  heat: problem(["0 < x < 1", "0 < t < 1"], "u", ["u_t = 0.1*u_xx"], ["u(0, t) = 0", "u(1, t) = 0", "u(x, 0) = sin(pi*x)"]),
  wave: problem(["0 < x < 1", "0 < t < 2"], "u", ["u_tt = u_xx"], ["u(0, t) = 0", "u(1, t) = 0", "u(x, 0) = sin(pi*x)", "u_t(x, 0) = 0"]),
  laplace: problem(["0 < x < 1", "0 < y < 1"], "u", ["u_xx + u_yy = 0"], ["u(0, y) = 0", "u(1, y) = 0", "u(x, 0) = 0", "u(x, 1) = sin(pi*x)"]),
  burgers: problem(["-1 < x < 1", "0 < t < 1"], "u", ["u_t + u*u_x = 0.05*u_xx"], ["u(-1, t) = 0", "u(1, t) = 0", "u(x, 0) = -sin(pi*x)"]),
  advection: problem(["0 < x < 1", "0 < t < 1"], "u", ["u_t + u_x = 0"], ["u(0, t) = u(1, t)", "u(x, 0) = exp(sin(2*pi*x))"]),
};
