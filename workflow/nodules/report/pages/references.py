"""Sources of the report's methods and data, as its pages cite them; CITATION.cff has the same."""

from dataclasses import dataclass

from nodules.report.pages.markup import Markup, join, tag


@dataclass(frozen=True)
class Source:
    """A cited work. doi: "" if none is known."""

    topic: str
    authors: str
    title: str
    place: str
    doi: str = ""

    def html(self) -> Markup:
        """The citation as the content of a list item."""
        end = tag("a", f"doi:{self.doi}", href=f"https://doi.org/{self.doi}") if self.doi else ""
        return join(f"{self.topic}: {self.authors}. {self.title}. {self.place}. ", end)


PUBLISHED = Source(
    "The published experiment that this workflow reproduces",
    "Ho A, Kandalaft B, Sairaman V, Datta A",
    "End-to-End Lung Nodule Detection: U-net Segmentation and ResNet50 Classification on LUNA16",
    "University of Southern California (manuscript)",
)
SOURCES = (
    PUBLISHED,
    Source(
        "LUNA16 and its scores",
        "Setio AAA et al",
        "Validation, comparison, and combination of algorithms for automatic detection of pulmonary"
        " nodules in computed tomography images: The LUNA16 challenge",
        "Medical Image Analysis 2017;42:1-13",
        "10.1016/j.media.2017.06.015",
    ),
    Source(
        "LIDC-IDRI, whose scans and readers LUNA16 uses",
        "Armato SG III et al",
        "The Lung Image Database Consortium (LIDC) and Image Database Resource Initiative (IDRI): A"
        " completed reference database of lung nodules on CT scans",
        "Medical Physics 2011;38:915-931",
        "10.1118/1.3528204",
    ),
    Source(
        "The FROC curve",
        "Bunch PC, Hamilton JF, Sanderson GK, Simmons AH",
        "A free response approach to the measurement and characterization of radiographic observer"
        " performance",
        "Proceedings of SPIE 1977;0127:124-135",
        "10.1117/12.955926",
    ),
    Source(
        "U-Net",
        "Ronneberger O, Fischer P, Brox T",
        "U-Net: Convolutional networks for biomedical image segmentation",
        "MICCAI 2015, 234-241",
        "10.1007/978-3-319-24574-4_28",
    ),
    Source(
        "ResNet50",
        "He K, Zhang X, Ren S, Sun J",
        "Deep residual learning for image recognition",
        "CVPR 2016, 770-778",
        "10.1109/CVPR.2016.90",
    ),
    Source(
        "Mask R-CNN",
        "He K, Gkioxari G, Dollár P, Girshick R",
        "Mask R-CNN",
        "ICCV 2017, 2980-2988",
        "10.1109/ICCV.2017.322",
    ),
)
