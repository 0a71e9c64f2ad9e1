"""How equations are written: derivatives as quotients, and typeset equations."""
