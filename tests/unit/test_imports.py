"""A script's dependencies are found through the library, however deep."""

from pathlib import Path

from nodules import imports


def test_closure_follows_imports_through_the_library(tmp_path):
    script = tmp_path / "s.py"
    script.write_text("from nodules.stacks import Stack\nimport torch.nn\n")
    names = {p.stem for p in imports.library_closure(script)}
    assert {"stacks", "geometry", "regions", "tables", "files"} <= names
    assert "training" not in names


def test_result_code_leaves_out_what_decides_nothing(tmp_path):
    script = tmp_path / "s.py"
    script.write_text("from nodules import stacks")
    names = {p.stem for p in imports.result_code(script)}
    assert names & imports.INFRASTRUCTURE == set()
    assert {"stacks", "geometry", "regions"} <= names


def test_third_party_modules_include_lazy_imports(tmp_path):
    script = tmp_path / "s.py"
    script.write_text(
        "import os\ndef f():\n    import torch.nn\n    from nodules import geometry\n"
    )
    assert imports.third_party(script) == {"torch", "numpy"}


def test_every_script_reaches_the_library():
    scripts = Path(__file__).parents[2] / "workflow" / "scripts"
    assert all(imports.library_closure(script) for script in scripts.glob("*.py"))
