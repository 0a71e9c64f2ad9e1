"""Differential equations: parser, collocation, time marching, solutions, exact laws."""
