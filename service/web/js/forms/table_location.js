// Where in a table something is, as the service tells it of warnings and mistakes.

import { count, t } from "../i18n.js";

/** "column b, line 3"; empty where the whole is meant, or where the words say it themselves. */
export function place({ column, row, line, detail = "" }) {
  const parts = [];
  if (column !== undefined && column !== null && !detail.includes(`'${column}'`)) parts.push(t("place.column", { name: column }));
  if (line) {
    if (!detail.includes(`line ${line}`)) parts.push(t("place.line", { line: count(line) }));
  } else if (row !== undefined && row !== null) parts.push(t("place.row", { row: count(row + 1) }));
  return parts.join(", ");
}
