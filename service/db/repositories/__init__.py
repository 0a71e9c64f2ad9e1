"""Repositories, one per resource; they never commit."""

from service.db.repositories.aliases import Aliases as Aliases
from service.db.repositories.api_keys import ApiKeys as ApiKeys
from service.db.repositories.audit import Audit as Audit
from service.db.repositories.datasets import Datasets as Datasets
from service.db.repositories.jobs import TrainingJobs as TrainingJobs
from service.db.repositories.models import TrainedModels as TrainedModels
from service.db.repositories.retention import Expired as Expired
from service.db.repositories.workers import Workers as Workers
