"""The lowest version of each requirement is what the tests are run with."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from release.lowest import EXTRAS, RUN_ELSEWHERE, lowest
from release.requirements import declared


def test_the_highest_lower_bound_of_a_package_is_its_lowest_version() -> None:
    lines = ["numpy>=2.0.2,<3", "av>=14.2,<20", "plotly>=6,<8", "numpy>=2.3.5", "numpy>=2.1", "av>=9"]
    assert lowest(map(Requirement, lines)) == ["av==14.2", "numpy==2.3.5", "plotly==6"]


def test_a_requirement_of_another_system_does_not_count() -> None:
    lines = ["ncnn>=3; sys_platform == 'nowhere'", "ncnn>=1; sys_platform != 'nowhere'"]
    assert lowest(map(Requirement, lines)) == ["ncnn==1"]


@pytest.mark.parametrize("line", ["numpy", "numpy<3", "numpy==2.1"])
def test_a_requirement_without_a_lower_bound_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"numpy.* has no lower bound"):
        lowest([Requirement(line)])


def test_the_requirements_are_those_of_the_project(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[project]\ndependencies = ["a>=1"]\n[project.optional-dependencies]\nx = ["b>=2"]\ny = ["c>=3"]\n')
    assert [str(one) for one in declared(file=file)] == ["a>=1"]
    assert [str(one) for one in declared(["y"], file=file)] == ["a>=1", "c>=3"]


def test_everything_that_users_install_has_both_bounds() -> None:
    bounds = {one.name: {bound.operator for bound in one.specifier} for one in declared([*EXTRAS, *RUN_ELSEWHERE])}
    assert {name: found for name, found in bounds.items() if found != {">=", "<"}} == {}
