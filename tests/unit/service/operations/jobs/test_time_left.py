"""Ranges of the time that a job will still take."""

import pytest

from service.operations.jobs.time_left import combine_estimates

EARLIER = [40.0, 50.0, 60.0, 70.0, 80.0]


def test_without_anything_known_there_is_no_range() -> None:
    assert combine_estimates([], eta_s=None, fraction=0.0) is None
    assert combine_estimates(EARLIER[:2], eta_s=None, fraction=0.0) is None


def test_earlier_jobs_alone_give_the_range_of_most_of_them() -> None:
    assert combine_estimates(EARLIER, eta_s=None, fraction=0.0) == pytest.approx([44, 76])


def test_the_own_progress_alone_may_be_far_too_low_at_first() -> None:
    assert combine_estimates([], eta_s=10.0, fraction=0.5) == pytest.approx([6, 98])
    assert combine_estimates([], eta_s=10.0, fraction=1.0) == pytest.approx([6, 50])
    assert combine_estimates([], eta_s=10.0, fraction=0.0, at_most=60.0) == pytest.approx([6, 60])


def test_the_own_progress_counts_more_towards_the_end() -> None:
    begin, end = (combine_estimates(EARLIER, eta_s=10.0, fraction=fraction) for fraction in (0.0, 1.0))
    assert begin is not None
    assert end is not None
    assert end[1] < begin[1]


def test_no_job_goes_on_beyond_its_time_limit() -> None:
    assert combine_estimates(EARLIER, eta_s=None, fraction=0.0, at_most=50.0) == pytest.approx([44, 50])
