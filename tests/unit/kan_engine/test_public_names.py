"""What the package exports can be had by its name."""

from pkgutil import iter_modules

import kan_engine


def test_no_public_name_is_that_of_a_module_which_would_take_its_place_once_imported() -> None:
    modules = {module.name for module in iter_modules(kan_engine.__path__)}
    assert modules & set(kan_engine.__all__) == set()
