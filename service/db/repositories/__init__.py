"""Reads and writes per resource; a repository never commits."""

from service.db.repositories.datasets import Datasets as Datasets
