"""Where a checkout may lie, and what results figures need."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from nodules.base.files import UserError
from nodules.base.installation import image, require_tables

APPTAINER = SimpleNamespace(name="APPTAINER")


def test_the_image_lies_in_the_checkout():
    assert image(Path("/data/luna"), [APPTAINER]) == "/data/luna/luna16-nodules.sif"


@pytest.mark.parametrize("name", ["My Drive", "a\tb", "a\nb", "a\u00a0b"])
def test_a_blank_stops_containers_alone(name):
    assert image(Path("/data", name), [SimpleNamespace(name="CONDA")]) is None
    with pytest.raises(UserError, match="starts no container from a folder with a blank"):
        image(Path("/data", name), [APPTAINER])


@pytest.mark.parametrize("name", ["{x}", "a}", "a:b"])
def test_a_name_that_no_job_could_run_from_is_one_sentence(name):
    with pytest.raises(UserError) as error:
        image(Path("/data", name), [])
    assert str(error.value).startswith(f"/data/{name}: this folder cannot hold the checkout: ")
    assert str(error.value).endswith("Rename it.")


def test_figures_without_tables_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"evaluation: holds no tables.*\. Run the workflow first"):
        require_tables(tmp_path)
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation/froc.parquet").touch()
    require_tables(tmp_path)
