"""The library of luna16-nodules: pure, typed functions on arrays and tables."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nodules.findings.found import Findings

__version__ = "0.1.0"


def predict(scan: Any, model: Any, **options: Any) -> "Findings":
    """What a model finds in a chest CT: `nodules.inference.predict.predict`, loaded when called.

    scan: a DICOM folder, zip or file, a .mhd, .mha, .nii or .nrrd. model: a file that `snakemake
    export` wrote. options: series, device, threads, lungs. Raises base.files.UserError.
    """
    from nodules.inference import predict as chain

    return chain.predict(scan, model, **options)
