// A chart of the page as a file: SVG as it is shown, or PNG in twice its size.

import { saveBlob } from "../api.js";

const SCALE = 2;

/** The drawing of a figure of Plot, which may have legends beside it. */
export const svgOf = (figure) => (figure.matches("svg") ? figure : figure.querySelector("svg:last-of-type"));

export async function downloadFigure(figure, kind, filename) {
  const svg = svgOf(figure);
  const source = new Blob([serialize(svg)], { type: "image/svg+xml" });
  saveBlob(kind === "svg" ? source : await paint(source, svg), `${filename}.${kind}`);
}

/** The source with the colours of the page, which a file alone would not have. */
function serialize(svg) {
  const copy = svg.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const colors = getComputedStyle(svg);
  copy.style.color = colors.color;
  copy.style.background = getComputedStyle(document.documentElement).backgroundColor;
  copy.style.fontFamily = colors.fontFamily;
  const source = new XMLSerializer().serializeToString(copy);
  return source.replace(/var\((--[\w-]+)\)/g, (_, name) => colors.getPropertyValue(name).trim() || "currentColor");
}

async function paint(source, svg) {
  const image = new Image();
  const address = URL.createObjectURL(source);
  image.src = address;
  await image.decode();
  URL.revokeObjectURL(address);
  const { width, height } = svg.getBoundingClientRect();
  const canvas = Object.assign(document.createElement("canvas"), { width: SCALE * width, height: SCALE * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
