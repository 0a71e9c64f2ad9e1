// Announcements for screen readers.

/** Announces a text. A repeated text is read once. */
export function announce(words) {
  document.getElementById("status").textContent = words;
}
