// Work that can wait until it is seen.

const DISTANCE = "600px"; // from the part of the page that is seen

/** Calls a function once, when an element comes near the part of the page that is seen. A hidden element is not. */
export function whenNear(element, act) {
  const watcher = new IntersectionObserver(
    (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      watcher.disconnect();
      act();
    },
    { rootMargin: DISTANCE },
  );
  watcher.observe(element);
}
