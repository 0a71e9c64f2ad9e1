"""Schemas of the objects within requests of trainings."""
