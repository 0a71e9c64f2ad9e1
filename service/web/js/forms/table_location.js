// The location of a warning or an error in a table.

import { count, t } from "../i18n.js";

/** A location such as "column b, line 3"; empty if it is the whole table or already in the message. */
export function place({ column, row, line, detail = "" }) {
  const parts = [];
  if (column !== undefined && column !== null && !detail.includes(`'${column}'`)) parts.push(t("place.column", { name: column }));
  if (line) {
    if (!detail.includes(`line ${line}`)) parts.push(t("place.line", { line: count(line) }));
  } else if (row !== undefined && row !== null) parts.push(t("place.row", { row: count(row + 1) }));
  return parts.join(", ");
}
