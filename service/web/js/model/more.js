// What is looked up rarely, in tabs: use and export, versions and names, lineage, and the training.

import { t } from "../i18n.js";
import { whenNear } from "../parts/near.js";
import { showTabs } from "../parts/tabs.js";
import { elsewhere, registry } from "./export_panel.js";

const TABS = {
  elsewhere,
  registry,
  origin: (root, page) => whenNear(root, async () => (await import("./lineage.js")).origin(root, page)),
  history: (root, page) => whenNear(root, async () => (await import("./figures/history.js")).showHistory(root, page)),
};

/** The names of the tabs, which addresses may name as sections. */
export const tabNames = Object.keys(TABS);

export function more(root, page) {
  // A training of one step has no course to show.
  const names = tabNames.filter((name) => name !== "history" || page.model.history.length > 1);
  const tabs = names.map((name) => ({ name, title: t(`model.tab.${name}`), fill: (panel) => TABS[name](panel, page) }));
  showTabs(root, t("model.section.more"), tabs);
}
