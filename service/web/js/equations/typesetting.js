// Equations and conditions as they are printed, while they are typed. The service reads and typesets them.

import { send } from "../api.js";
import { loadCodes } from "../i18n.js";
import { parseMath } from "../parts/inline.js";

const PAUSE_MS = 200; // after the last key

/**
 * The lines of a problem, each as `{ math, place, detail, character }`: an element and where it holds, if the text does
 * not say it, or what is wrong at which character.
 *
 * @param problem The body of a `solve` job.
 */
export async function typesetProblem({ independent, unknowns, parameters = {}, equations, conditions }, options) {
  const texts = conditions.map((condition) => condition.residual ?? condition);
  const body = { independent, unknowns, parameters: Object.keys(parameters), equations, conditions: texts };
  const printed = await send("POST", "formats/equations", body, options);
  const elements = (lines) => lines.map((line) => ({ ...line, math: parseMath(line.mathml) }));
  const inWords = ([name, at]) => `${name} = ${[at].flat().join(", ")}`;
  const places = conditions.map(({ on = {} }) => Object.entries(on).map(inWords).join("; "));
  return {
    equations: elements(printed.equations),
    conditions: elements(printed.conditions).map((line, at) => ({ ...line, place: places[at] })),
  };
}

/**
 * A function that typesets a problem when the typing pauses, and calls `show` with its lines, null where none can be read,
 * and with the error that a job would have.
 */
export function typesetWhileTyping(show, { signal }) {
  let waiting = 0;
  let last = "";
  return (problem) => {
    const { independent, unknowns, parameters, equations, conditions } = problem;
    const asked = JSON.stringify([independent, unknowns, parameters, equations, conditions]);
    if (asked === last) return;
    last = asked;
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const hasNames = independent.length && unknowns.length;
      const typeset = hasNames ? typesetProblem(problem, { signal }).then((lines) => [lines], (error) => [null, error]) : [null];
      const [[lines, error]] = await Promise.all([typeset, loadCodes()]); // both may say what is wrong
      if (asked === last && !signal.aborted) show(lines, error);
    }, PAUSE_MS);
  };
}
