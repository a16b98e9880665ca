"""A script's dependencies are found through the library, however deep, up to the room `base`."""

from pathlib import Path

from nodules.base import closure

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


def names(paths):
    return {str(path.relative_to(closure.LIBRARY)) for path in paths}


def test_closure_follows_imports_through_the_library(tmp_path):
    script = tmp_path / "s.py"
    script.write_text("from nodules.prepare.stacks import Stack\nimport torch.nn\n")
    found = names(closure.library_closure(script))
    assert {"prepare/stacks.py", "images/geometry.py", "base/tables.py", "base/files.py"} <= found
    assert "learning/loop.py" not in found


def test_result_code_leaves_out_what_decides_nothing(tmp_path):
    script = tmp_path / "s.py"
    script.write_text("from nodules.prepare import stacks")
    found = closure.result_code(script)
    assert not [path for path in found if path.is_relative_to(closure.BASE)]
    assert {"prepare/stacks.py", "images/geometry.py", "images/regions.py"} <= names(found)


def test_base_is_left_out_by_room_and_not_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(closure, "LIBRARY", tmp_path)
    monkeypatch.setattr(closure, "BASE", tmp_path / "base")
    for name in ("base/tables.py", "report/tables.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
    script = tmp_path / "s.py"
    script.write_text("from nodules.base import tables\nfrom nodules.report.tables import x\n")
    assert closure.result_code(script) == [tmp_path / "report/tables.py"]


def test_a_chosen_file_counts_with_all_that_it_imports(tmp_path):
    script = tmp_path / "s.py"
    script.write_text("import importlib\n")
    chosen = closure.LIBRARY / "learning/networks/resnet.py"
    assert closure.result_code(script) == []
    found = names(closure.result_code(script, [chosen]))
    assert {"learning/networks/resnet.py", "learning/networks/weights.py"} <= found
    assert "torch" in closure.third_party(script, [chosen])


def test_third_party_modules_include_lazy_imports(tmp_path):
    script = tmp_path / "s.py"
    script.write_text(
        "import os\ndef f():\n    import torch.nn\n    from nodules.images import geometry\n"
    )
    assert closure.third_party(script) == {"torch", "numpy"}


def test_every_script_reaches_the_library():
    assert all(closure.library_closure(script) for script in SCRIPTS.glob("*.py"))
