"""Documents about a model (summaries, warnings, the member that answers), and requests as the engine reads them."""
