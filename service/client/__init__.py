"""Python clients of the service: ``Client``, and ``AsyncClient`` for concurrent programs.

They communicate over HTTP only and import neither the database nor torch.
"""

from service.client.arguments import Equations as Equations
from service.client.async_client import AsyncClient as AsyncClient
from service.client.errors import ApiError as ApiError
from service.client.errors import ClientError as ClientError
from service.client.errors import JobCancelled as JobCancelled
from service.client.errors import JobFailed as JobFailed
from service.client.errors import NotFinished as NotFinished
from service.client.errors import Unreachable as Unreachable
from service.client.results import Alias as Alias
from service.client.results import AliasMove as AliasMove
from service.client.results import Card as Card
from service.client.results import Comparison as Comparison
from service.client.results import Dataset as Dataset
from service.client.results import Edges as Edges
from service.client.results import Evaluation as Evaluation
from service.client.results import Figures as Figures
from service.client.results import Job as Job
from service.client.results import Model as Model
from service.client.results import Predictions as Predictions
from service.client.results import Preview as Preview
from service.client.results import Progress as Progress
from service.client.results import Symbolic as Symbolic
from service.client.results import Usage as Usage
from service.client.sync_client import Client as Client
