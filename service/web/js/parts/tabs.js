// Tabs: a list of buttons of which one is chosen, and the panel of the chosen one.

import { html, render } from "../../vendor/lit-html.js";

/**
 * Renders tabs into an element. Every panel is filled at once, so that it keeps its state.
 *
 * @param tabs Objects {name, title, fill(panel)} in order.
 */
export function showTabs(root, label, tabs) {
  let chosen = tabs[0].name;
  const choose = (name) => {
    chosen = name;
    draw();
  };
  const move = (event) => {
    const at = tabs.findIndex(({ name }) => name === chosen);
    const last = tabs.length - 1;
    const next = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at ? at - 1 : last, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    choose(tabs[next].name);
    root.querySelector(`#tab-${chosen}`).focus();
  };
  const draw = () =>
    render(
      html`<div role="tablist" class="tabs" aria-label=${label} @keydown=${move}>
          ${tabs.map(({ name, title }) => html`<button type="button" role="tab" id="tab-${name}" aria-controls="panel-${name}"
            aria-selected=${String(name === chosen)} tabindex=${name === chosen ? 0 : -1} @click=${() => choose(name)}>${title}</button>`)}
        </div>
        ${tabs.map(({ name }) => html`<div role="tabpanel" id="panel-${name}" aria-labelledby="tab-${name}" ?hidden=${name !== chosen}></div>`)}`,
      root,
    );
  draw();
  for (const { name, fill } of tabs) fill(root.querySelector(`#panel-${name}`));
}
