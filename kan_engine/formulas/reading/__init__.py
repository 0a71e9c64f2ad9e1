"""From curves and networks to closed forms."""
