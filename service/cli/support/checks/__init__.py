"""The checks of ``kan-service doctor``."""
