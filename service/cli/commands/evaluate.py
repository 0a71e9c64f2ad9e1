"""``kan-service evaluate``: measure a model on labelled rows that came after its training."""

from typing import Any

from service.cli.fields.options import take_body
from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.output import AsJson, print_field, print_result
from service.cli.support.table_source import Table, open_dataset
from service.client import Evaluation


@take_body("evaluate")
def evaluate(
    *,
    model: Model,
    table: Table,
    body: dict[str, Any],
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Measure a model on rows with known answers; print whether it still holds, and which columns changed."""
    with connect(server, key) as client, open_dataset(client, table) as source:
        try:
            evaluation = client.evaluate(model, source.dataset, **body)
        finally:
            source.delete_upload(client)
    print_result(evaluation, as_json, lambda: _print_evaluation(evaluation))


def _print_evaluation(evaluation: Evaluation) -> None:
    print_field("verdict", f"{evaluation.verdict}: {evaluation.summary}")
    metrics = {name: value for name, value in evaluation.metrics.items() if value is not None}
    print_field("metrics", ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    for coverage in evaluation.coverage:
        print_field("intervals", f"of {coverage.level:.0%} cover {coverage.share:.1%} of the true values")
    for column in evaluation.drift:
        if column.drifted:
            outside = f", {column.outside:.1%} outside the training range" if column.outside else ""
            print_field("drift", f"{column.name} (stability index {column.stability_index:.2g}{outside})")
