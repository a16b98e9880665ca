"""What a model file says of another organ, and for which none is written."""

import pytest

from nodules.base.files import UserError
from nodules.inference import exporting


def test_a_model_says_what_it_is_for():
    assert exporting.about("hu", {}) == {}
    told = exporting.about("hu", {"lesions": "tumours", "organ": "liver"})
    assert told["intended_use"].startswith("Research on tumours (liver) in CT: candidates")
    assert exporting.INTENDED_USE.startswith("Research on lung nodules in chest CT: candidates")


def test_no_model_is_written_of_values_that_predict_cannot_make():
    with pytest.raises(UserError, match="which reads CT in HU"):
        exporting.about("percentiles", {})
