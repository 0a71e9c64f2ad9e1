// How numeric columns of rows go together.

/** Pearson's correlation of two columns over the rows that have both; NaN where one is constant. */
export function correlate(rows, first, second) {
  const pairs = rows.map((row) => [row[first], row[second]]).filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  const mean = (place) => pairs.reduce((sum, pair) => sum + pair[place], 0) / pairs.length;
  const [x0, y0] = [mean(0), mean(1)];
  const sum = (term) => pairs.reduce((total, [x, y]) => total + term(x - x0, y - y0), 0);
  const [xx, yy, xy] = [sum((x) => x * x), sum((_, y) => y * y), sum((x, y) => x * y)];
  return pairs.length < 3 || !xx || !yy ? NaN : xy / Math.sqrt(xx * yy);
}
