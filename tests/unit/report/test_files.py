"""What the first page finds to link to, what it cites, and how its pages are styled."""

from pathlib import Path

from helpers.sources import ROOT
from nodules.report.pages import files, references, style


def test_files_are_found_by_kind(tmp_path: Path) -> None:
    made = ["figures/froc.svg", "figures/froc.md", "report/run.html", "evaluation/a.parquet"]
    made += ["logs/train_unet/fold_0.log", "logs/check_scans.log", "logs/me/all.log"]
    made += ["evaluation/note.txt", "slices/x.parquet", "report/malignancy.html"]
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x" * 2000)
    own = ["report/run.html", "report/metrics.html"]  # that of malignancy is an earlier run's
    found = files.find(tmp_path, ["froc", "missing"], own, but="me")
    assert found.figures == {"froc": ["figures/froc.svg", "figures/froc.md"], "missing": []}
    assert list(found.pages) == ["report/run.html"]
    assert found.tables == ["evaluation/a.parquet"]
    assert found.logs == {
        "check_scans": ["logs/check_scans.log"],
        "train_unet": ["logs/train_unet/fold_0.log"],
    }


def test_citations_are_those_of_the_citation_file() -> None:
    cited = (ROOT / "CITATION.cff").read_text()
    for source in references.SOURCES:
        assert source.doi in cited
        assert " ".join(cited.split()).lower().count(source.title.lower()), source.title
    assert "Ho A" in references.PUBLISHED.html()


def test_every_colour_of_the_dark_is_one_of_the_light() -> None:
    light, dark, _ = style.BASE.split(":root {")[1:]
    names = [part.split(":")[0].strip() for part in light.split(";") if "--" in part.split(":")[0]]
    assert len(names) == 9
    assert all(f"{name}:" in dark for name in names)
