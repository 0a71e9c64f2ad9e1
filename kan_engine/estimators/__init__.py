"""Estimators with the conventions of scikit-learn: what the service does, in a notebook."""
