// Predictions with an interval, or without one if the model has none.

import { send } from "../../api.js";

const LEVEL = 0.9;

/** Returns a function that posts prediction requests. */
export function createPoster(model) {
  const without = new Set(); // members
  const isNumber = model.task === "regression" && model.outputs.length === 1;
  return async function post(path, body, options) {
    const hasInterval = isNumber && !without.has(body.by);
    try {
      return await send("POST", path, hasInterval ? { ...body, interval: LEVEL } : body, options);
    } catch (error) {
      if (error.code !== "no_interval") throw error;
      without.add(body.by);
      return post(path, body, options);
    }
  };
}
