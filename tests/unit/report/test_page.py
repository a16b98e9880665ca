"""Pages hold what they are given, escaped, and fetch nothing."""

from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nodules.report import plotting
from nodules.report.pages.page import Page, cell


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page.html())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(st.text(alphabet="<>&\"'/abc =\x00é", min_size=1).filter(str.strip))
def test_no_text_can_become_markup(text: str) -> None:
    plain, hostile = Page("x"), Page(text)
    for page, inside in ((plain, "x"), (hostile, text)):
        page.heading(inside)
        page.text(inside, "note")
        page.code(inside)
        page.table([{inside: inside}], inside, numbers=[inside])
        page.notes([inside])
        with page.details(inside):
            page.text(inside)
    assert Reader(hostile).tags == Reader(plain).tags


def test_a_script_stays_text() -> None:
    page = Page("t")
    page.table([{"file": "<script>alert(1)</script>"}])
    assert "script" not in Reader(page).tags
    assert "<script>alert(1)</script>" in "".join(Reader(page).texts)


def test_a_page_is_one_file_that_fetches_nothing(tmp_path: Path) -> None:
    figure, _ = plotting.panels()
    plotting.save(figure, [tmp_path / "a.png"])
    page = Page("t")
    page.picture(tmp_path / "a.png", "a figure")
    page.write(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "http" not in text
    assert 'src="data:image/png;base64,' in text


def test_an_empty_table_says_none() -> None:
    page = Page("t")
    page.table([])
    assert "None." in Reader(page).texts


def test_cells() -> None:
    assert [cell(v) for v in (0.12345, 3, "a", None, float("nan"))] == ["0.123", "3", "a", "–", "–"]


def test_details_hold_what_is_added_within() -> None:
    page = Page("t")
    with page.details("more"):
        page.notes(["first", "second"])
    page.text("beyond all")
    html = page.html()
    assert html.index("<summary>more") < html.index("<li>second") < html.index("</details>")
    assert html.index("</details>") < html.index("beyond all")
