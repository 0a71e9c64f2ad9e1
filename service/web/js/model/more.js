// What is looked up rarely, in tabs: use and export, versions and names, lineage, and the training.

import { t } from "../i18n.js";
import { showTabs } from "../parts/tabs.js";
import { elsewhere, registry } from "./export_panel.js";
import { origin } from "./lineage.js";

const TABS = { elsewhere, registry, origin, history };

/** The names of the tabs, which addresses may name as sections. */
export const tabNames = Object.keys(TABS);

export function more(root, page) {
  // A training of one step has no course to show.
  const names = tabNames.filter((name) => name !== "history" || page.model.history.length > 1);
  const tabs = names.map((name) => ({ name, title: t(`model.tab.${name}`), fill: (panel) => TABS[name](panel, page) }));
  showTabs(root, t("model.section.more"), tabs);
}

async function history(root, page) {
  const { showHistory } = await import("./figures/history.js");
  await showHistory(root, page);
}
