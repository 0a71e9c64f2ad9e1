// SVG and MathML that the service made, as elements: parsed as XML, which never runs a script of theirs.

/** The element, or null if the text is none. Links and scripts are not expected, and would be taken out. */
export function parsed(source, tag) {
  if (!source) return null;
  const node = new DOMParser().parseFromString(source, "application/xml").documentElement;
  if (node.localName !== tag || node.querySelector("parsererror")) return null;
  for (const foreign of node.querySelectorAll("script, foreignObject, a, use, image, style")) foreign.remove();
  return document.importNode(node, true);
}

const SMALLEST = 0.75; // of its own size: a picture that is wider then is scrolled, so that it can be read…
const ENOUGH = 560; // …but in this width, all of it can be seen

/** A picture whose names of elements (title, desc) cannot meet those of another on the page. */
export function drawn(source, prefix) {
  const svg = parsed(source, "svg");
  if (!svg) return null;
  for (const node of svg.querySelectorAll("[id]")) node.id = `${prefix}-${node.id}`;
  const labels = svg.getAttribute("aria-labelledby");
  if (labels) svg.setAttribute("aria-labelledby", labels.split(" ").map((id) => `${prefix}-${id}`).join(" "));
  for (const node of svg.querySelectorAll("[clip-path], [fill], [stroke], [marker-end]")) {
    for (const name of ["clip-path", "fill", "stroke", "marker-end"]) {
      const value = node.getAttribute(name);
      if (value?.startsWith("url(#")) node.setAttribute(name, value.replace("url(#", `url(#${prefix}-`));
    }
  }
  svg.style.setProperty("min-width", `${Math.min(ENOUGH, Math.round(SMALLEST * svg.getAttribute("width")))}px`);
  return svg;
}
