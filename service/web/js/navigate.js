// Another view.

export function go(address) {
  location.hash = `#${address}`;
}
