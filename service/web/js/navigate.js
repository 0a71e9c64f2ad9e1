// Navigation to another view.

export function go(address) {
  location.hash = `#${address}`;
}
