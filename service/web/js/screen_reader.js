// Words for those who do not see the screen.

/** Tell it. What is told twice in a row is heard once. */
export function announce(words) {
  document.getElementById("status").textContent = words;
}
