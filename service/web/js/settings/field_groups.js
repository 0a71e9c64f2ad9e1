// Fields of a training and of a study by groups. Written by `make generate` from their schema.

export const FIELD_GROUPS = [
  { name: "task", fields: [
    { name: "task", kind: "choice", path: ["task"], options: ["auto", "regression", "classification", "density"], example: "" },
    { name: "weight", kind: "column", path: ["weight"], example: "" },
    { name: "target_error", kind: "column", path: ["target_error"], example: "" },
    { name: "class_weight", kind: "class_weight", path: ["training", "class_weight"], example: "" },
  ] },
  { name: "knowledge", fields: [
    { name: "form", kind: "text", path: ["form"], example: "a*exp(-b*t) + c" },
    { name: "constant", kind: "constants", path: ["constants"], example: "b=0..10; g=9.81" },
    { name: "per_group", kind: "column", path: ["per_group", "column"], example: "" },
    { name: "own", kind: "words", path: ["per_group", "own"], example: "a, b" },
    { name: "must_use", kind: "words", path: ["must_use"], example: "length, width" },
    { name: "max_constants", kind: "number", path: ["max_constants"], example: "3" },
    { name: "functions", kind: "words", path: ["functions"], example: "exp, log" },
    { name: "monotone", kind: "monotone", path: ["monotone"], example: "" },
    { name: "bounds", kind: "bounds", path: ["bounds"], example: "" },
    { name: "units", kind: "choice", path: ["units"], options: ["check", "enforce", "ignore"], example: "" },
  ] },
  { name: "network", fields: [
    { name: "hidden", kind: "list", path: ["network", "hidden"], example: "5, 3" },
    { name: "grid", kind: "number", path: ["network", "grid"], example: "10" },
    { name: "order", kind: "number", path: ["network", "order"], example: "3" },
  ] },
  { name: "training", fields: [
    { name: "optimizer", kind: "choice", path: ["training", "optimizer"], options: ["auto", "levenberg_marquardt", "adam", "lbfgs"], example: "" },
    { name: "grid_schedule", kind: "list", path: ["training", "grid_schedule"], example: "5, 10, 20" },
    { name: "steps", kind: "number", path: ["training", "steps"], example: "100" },
    { name: "lamb", kind: "number", path: ["training", "lamb"], example: "0.001" },
    { name: "restarts", kind: "number", path: ["training", "restarts"], example: "3" },
    { name: "device", kind: "choice", path: ["training", "device"], options: ["auto", "cpu", "cuda"], example: "" },
    { name: "seed", kind: "number", path: ["seed"], example: "0" },
    { name: "max_seconds", kind: "number", path: ["max_seconds"], example: "300" },
  ] },
  { name: "split", fields: [
    { name: "split_kind", kind: "choice", path: ["split", "kind"], options: ["random", "stratified", "tail", "column", "none"], example: "" },
    { name: "test_fraction", kind: "number", path: ["split", "test_fraction"], example: "0.2" },
    { name: "split_seed", kind: "number", path: ["split", "seed"], example: "0" },
    { name: "split_column", kind: "column", path: ["split", "column"], example: "" },
    { name: "split_test", kind: "values", path: ["split", "test"], example: "" },
  ] },
  { name: "result", fields: [
    { name: "prune", kind: "switch", path: ["prune"], example: "" },
    { name: "symbolic", kind: "switch", path: ["symbolic"], example: "" },
    { name: "max_complexity", kind: "number", path: ["symbolic", "max_complexity"], example: "20" },
    { name: "baselines", kind: "baselines", path: ["baselines"], example: "" },
    { name: "name", kind: "text", path: ["name"], example: "" },
  ] },
  { name: "study", fields: [
    { name: "refine", kind: "switch", path: ["refine"], example: "", isOff: true },
  ] },
];
