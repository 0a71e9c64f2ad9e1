// Names of nodes and functions of a network.

const MIN_NAMING_R2 = 1 - 1e-8; // as in the diagram: least R² of a function that names a curve

export function nodeName(edges, layer, node) {
  if (layer === 0) return edges.inputs[node];
  if (layer === edges.width.length - 1) return edges.outputs[node];
  return edges.nodes[layer][node].name;
}

/** The function fixed on an edge, or its simplest suggestion with R² ≥ MIN_NAMING_R2, or "". */
export function functionOf(edge) {
  if (edge.levels) return ""; // a value per level
  if (edge.function) return edge.function;
  const sure = edge.suggestions.filter((fit) => (fit.r2 ?? 0) >= MIN_NAMING_R2);
  return sure.sort((one, other) => one.complexity - other.complexity)[0]?.function ?? "";
}
