// The confusion matrix: true classes by predicted ones, cells by their share of the row.

import { count, number, t } from "../../i18n.js";
import { shorten } from "../../parts/shorten.js";

const [MIN_COUNTED, MAX_SIDE] = [24, 64]; // pixels of a cell that shows its count, and of the largest
const DARK = 0.7; // share from which a cell is so dark that its count is light
const LETTER = 7; // mean width in pixels
const [MAX_NAMES, MARGIN] = [0.3, 16]; // width of the names as a share of the chart, and pixels beside them
const own = (value) => ({ value, scale: null }); // a colour or opacity, not data

export function confusionChart({ classes, counts }, model) {
  const totals = counts.map((row) => row.reduce((sum, rows) => sum + rows, 0));
  const cells = counts.flatMap((row, at) =>
    row.map((rows, to) => {
      const names = { true: classes[at], predicted: classes[to] };
      return { ...names, rows, isRight: at === to, share: rows / (totals[at] || 1) };
    }),
  );
  return {
    title: t("model.picture.confusion"),
    about: t("model.picture.confusion about"),
    words: describe(cells),
    filename: `${model.name}-confusion`,
    isFixed: true,
    height: (width) => layout(classes, width).height,
    options: ({ Plot, width }) => {
      const { side, names, letters, isTurned, ...margins } = layout(classes, width);
      const scale = { domain: classes, padding: 0, tickSize: 0, tickFormat: (name) => shorten(name, letters) };
      return {
        ...margins,
        marginTop: 24,
        marginRight: MARGIN,
        x: {
          ...scale, label: t("model.confusion.predicted"), labelAnchor: "center", labelArrow: "none",
          labelOffset: margins.marginBottom - 6, tickRotate: isTurned ? -90 : 0,
        },
        y: { ...scale, label: t("model.confusion.true"), labelAnchor: "top", labelArrow: "none" },
        marks: [
          Plot.cell(cells, {
            x: "predicted", y: "true", fill: "var(--accent)", fillOpacity: own("share"), stroke: "var(--line)",
            title: cellWords, tip: { lineWidth: 22, maxRadius: MAX_SIDE },
          }),
          ...(side < MIN_COUNTED ? [] : [Plot.text(cells.filter(({ rows }) => rows), {
            x: "predicted", y: "true", text: ({ rows }) => count(rows),
            fill: own(({ share }) => (share > DARK ? "var(--on-accent)" : "currentColor")),
          })]),
        ],
      };
    },
  };
}

/** Square cells as large as there is room for, with the names of the classes beside and below them. */
function layout(classes, width) {
  const longest = LETTER * Math.max(...classes.map((name) => name.length));
  const names = Math.min(Math.max(longest, 40), MAX_NAMES * width);
  const side = Math.min(MAX_SIDE, (width - names - 2 * MARGIN) / classes.length);
  const isTurned = Math.min(longest, names) > side - 4;
  const marginBottom = isTurned ? Math.min(longest, names) + 28 : 44;
  const [marginLeft, extent] = [names + MARGIN, side * classes.length];
  return {
    side, names, letters: Math.floor(names / LETTER), isTurned, marginLeft, marginBottom,
    width: marginLeft + extent + MARGIN, height: 24 + extent + marginBottom,
  };
}

const cellWords = ({ rows, share, ...names }) =>
  t("model.confusion.cell", { ...names, count: count(rows), share: number(100 * share, 3) });

function describe(cells) {
  const sum = (some) => some.reduce((total, { rows }) => total + rows, 0);
  const [all, right] = [sum(cells), sum(cells.filter(({ isRight }) => isRight))];
  const wrong = cells.filter(({ isRight, rows }) => !isRight && rows).sort((one, other) => other.rows - one.rows);
  const share = number((100 * right) / (all || 1), 3);
  const words = t("model.confusion.words", { rows: count(all), right: count(right), share });
  return [words, ...wrong.slice(0, 3).map(cellWords)].join(" ");
}
