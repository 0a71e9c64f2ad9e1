// What the page uses of Observable Plot and d3.

export {
  areaY, axisX, axisY, barX, cell, dot, frame, gridX, gridY, line, lineY, plot, pointer, raster, rectX, rectY, ruleX, ruleY,
  text, tip,
} from "@observablehq/plot";
export { select } from "d3-selection";
export { zoom, zoomIdentity, zoomTransform } from "d3-zoom";
