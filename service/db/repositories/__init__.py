"""Repositories, one per resource; they never commit."""

from service.db.repositories.aliases import Aliases as Aliases
from service.db.repositories.api_keys import ApiKeys as ApiKeys
from service.db.repositories.audit import Audit as Audit
from service.db.repositories.datasets import Datasets as Datasets
from service.db.repositories.evaluations import ModelEvaluations as ModelEvaluations
from service.db.repositories.jobs import Jobs as Jobs
from service.db.repositories.models import TrainedModels as TrainedModels
from service.db.repositories.retention import ExpiredRows as ExpiredRows
from service.db.repositories.webhooks import WebhookDeliveries as WebhookDeliveries
from service.db.repositories.webhooks import WebhookSecrets as WebhookSecrets
from service.db.repositories.workers import Workers as Workers
