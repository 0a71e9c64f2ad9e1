"""The front of formulas of a table: for every size the most accurate formula, from one constant up."""
