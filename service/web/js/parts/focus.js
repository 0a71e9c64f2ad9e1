// The focus stays somewhere when what had it goes away.

/** Draw anew; who was in a part that is gone by then is led to its heading, not to the top of the page. */
export function keepingFocus(root, draw) {
  const hadFocus = root.contains(document.activeElement);
  draw();
  if (!hadFocus || root.contains(document.activeElement)) return;
  const place = root.querySelector("h1, h2");
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
}
