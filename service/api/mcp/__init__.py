"""The Model Context Protocol: tools by which an agent gets from a table to a formula.

A tool is a name, a schema of its arguments, a schema of its result and a function that calls the same
operations as the routes. ``server`` alone imports the package ``mcp``, whose import takes a second.
"""
