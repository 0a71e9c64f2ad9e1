// Work that can wait until it is seen, or until the page has been open for a while.

const DISTANCE = "600px"; // from the part of the page that is seen
const PATIENCE_MS = 3000; // after which all is there that may be printed

/** Calls a function once, when an element comes near the part of the page that is seen, or later. A hidden element is neither. */
export function whenNear(element, act) {
  const start = () => {
    clearTimeout(timer);
    watcher.disconnect();
    act();
  };
  const watcher = new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && start(), {
    rootMargin: DISTANCE,
  });
  const timer = setTimeout(() => element.getClientRects().length && start(), PATIENCE_MS);
  watcher.observe(element);
}
