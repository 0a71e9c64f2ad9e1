// Zoom and pan of a picture in a box that scrolls: by buttons and keys, Ctrl + wheel, two fingers, and drag.

import { FACTOR, loadPlot, zoomButtons } from "../charts/chart.js";

const MAX_SCALE = 6;
const MAX_SHARE = 0.8; // height of the box of a picture that is wider than the box, as a share of the window

/** Buttons for the picture in the box that `find()` returns. */
export const boxButtons = (what, find) =>
  zoomButtons(what, (factor = 0) => find().dispatchEvent(new CustomEvent("zoom-by", { detail: factor })));

/** Shows a picture in a box in its own size, in which it is legible; a wider picture scrolls. */
export function placePicture(box, svg) {
  const [width, height] = sizeOf(svg);
  svg.style.cssText = `width: ${width}px; height: ${height}px`;
  const isWide = width > box.clientWidth;
  box.style.height = isWide ? `${Math.min(height + 20, MAX_SHARE * innerHeight)}px` : "";
  box.replaceChildren(svg);
  box.scrollTo((width - box.clientWidth) / 2, 0);
  box.dispatchEvent(new CustomEvent("scroll"));
}

/** Makes what `placePicture` puts into a box zoomable. */
export async function makeZoomable(box) {
  const { select, zoom, zoomIdentity } = await loadPlot();
  const chosen = select(box);
  const zoomer = zoom().filter((event) => isZoom(event, box)).on("zoom", ({ transform }) => {
    const [width, height] = sizeOf(box.firstElementChild);
    box.style.height = `${box.clientHeight}px`;
    box.firstElementChild.style.cssText = `width: ${transform.k * width}px; height: ${transform.k * height}px`;
    box.scrollTo(-transform.x, -transform.y);
  });
  // The box scrolls by itself, too. The transform follows, so that the next zoom starts at what is seen.
  const follow = () => {
    const svg = box.firstElementChild;
    if (!svg) return;
    const [width, height] = sizeOf(svg);
    const k = parseFloat(svg.style.width) / width;
    box.__zoom = zoomIdentity.translate(Math.max((box.clientWidth - k * width) / 2, -box.scrollLeft), -box.scrollTop).scale(k);
    zoomer.scaleExtent([Math.min(1, box.clientWidth / width), MAX_SCALE]).translateExtent([[0, 0], [width, height]]);
  };
  const by = (factor) => {
    follow();
    const least = zoomer.scaleExtent()[0];
    if (factor) zoomer.scaleBy(chosen, factor);
    else zoomer.scaleTo(chosen, least);
  };
  chosen.call(zoomer).on("dblclick.zoom", null);
  box.addEventListener("scroll", follow);
  box.addEventListener("zoom-by", ({ detail }) => by(detail));
  box.addEventListener("keydown", (event) => {
    const factor = { "+": FACTOR, "=": FACTOR, "-": 1 / FACTOR, 0: 0 }[event.key];
    if (factor === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    by(factor);
  });
  follow();
}

const sizeOf = (svg) => ["width", "height"].map((side) => Math.ceil(svg.getAttribute(side)));

/** The wheel zooms only with Ctrl, and a single finger scrolls. The mouse moves what does not fit the box. */
function isZoom(event, box) {
  if (event.type === "wheel") return event.ctrlKey || event.metaKey;
  if (event.type.startsWith("touch")) return event.touches.length > 1;
  return !event.button && (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight);
}
