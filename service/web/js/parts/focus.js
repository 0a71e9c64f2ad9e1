// Keeps the keyboard focus when the focused element disappears.

/** Renders again. If the focused element disappears, the focus moves to the heading, not to the top of the page. */
export function keepFocus(root, draw) {
  const hadFocus = root.contains(document.activeElement);
  draw();
  if (!hadFocus || root.contains(document.activeElement)) return;
  const place = root.querySelector("h1, h2");
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
}
