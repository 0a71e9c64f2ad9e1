// Nodes and functions of a network by name.

const WITHOUT_DOUBT = 1 - 1e-8; // as in the drawing: the R² of a function that a curve is named after

export function nodeName(edges, layer, node) {
  if (layer === 0) return edges.inputs[node];
  if (layer === edges.width.length - 1) return edges.outputs[node];
  return edges.nodes[layer][node].name;
}

/** The function that is fixed on an edge, or the simplest that its curve is without doubt; else "". */
export function functionOf(edge) {
  if (edge.function) return edge.function;
  const sure = edge.suggestions.filter((fit) => (fit.r2 ?? 0) >= WITHOUT_DOUBT);
  return sure.sort((one, other) => one.complexity - other.complexity)[0]?.function ?? "";
}
