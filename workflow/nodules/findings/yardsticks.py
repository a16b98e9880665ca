"""Yardsticks for networks to beat: malignancy from diameter alone, and from radiomic features.

Both are logistic regressions, fitted to the nodules of the scans on which a part's networks are
trained. Their settings are fixed, so that nothing is chosen on left-out scans.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from nodules.base import tables
from nodules.base.columns_radiomics import FEATURES
from nodules.datasets import folds
from nodules.findings.rule import LEFT_OUT
from nodules.stats.logits import scaled

Floats = NDArray[np.float64]
KEY = ["seriesuid", "nodule"]
COLUMNS = {"diameter": ["diameter_mm"], "radiomics": [name for name, _, _, _ in FEATURES]}
# Inverse strength of the ridge penalty. Many correlated features and few nodules need a strong
# penalty; a single feature needs none.
PENALTY = {"diameter": 1e6, "radiomics": 0.1}
LIMIT = 30.0  # logit for certainty, used if all training nodules are of one class


def fit_part(
    labels: pd.DataFrame, radiomics: pd.DataFrame, division: pd.DataFrame, part: str
) -> pd.DataFrame:
    """Table `malignancy_scores` of a part's nodules, labelled or not, for both systems.

    labels: table `malignancy_labels`; radiomics: table of that name, of all parts; division: table
    `folds`. Models for `fold_<k>` are fitted on all other folds, those for `test` on all folds.
    Raises UserError if a patient is on both sides, or if a fold has no scan left to learn from.
    """
    known = labels.merge(radiomics, on=KEY, validate="one_to_one")
    training, asked = (known[known["seriesuid"].isin(uids)] for uids in sides(division, part))
    training = training[training["label"] != LEFT_OUT]
    found = [tables.frame("malignancy_scores")]
    for system, columns in COLUMNS.items():
        if len(asked):
            logits = predict(
                training[columns].to_numpy(float),
                training["label"].to_numpy(np.int64),
                asked[columns].to_numpy(float),
                PENALTY[system],
            )
            probability = scaled(logits, 1.0)
            rows = asked[KEY].assign(system=system, member=0, logit=logits, probability=probability)
            found.append(tables.frame("malignancy_scores", rows))
    return pd.concat([f for f in found if len(f)] or found, ignore_index=True)


def sides(division: pd.DataFrame, part: str) -> tuple[list[str], list[str]]:
    """UIDs of the training scans of a part's models, and of the part; no patient is in both."""
    if part != "test":
        return folds.split(division, int(part.removeprefix("fold_")))
    asked = folds.part(division, part)
    patients = set(division.loc[division["seriesuid"].isin(asked), "patient"])
    others = (division["fold"] >= 0) & ~division["patient"].isin(patients)
    return list(division.loc[others, "seriesuid"]), asked


def predict(features: Floats, labels: NDArray[np.int64], asked: Floats, penalty: float) -> Floats:
    """Logit of malignancy of each nodule in `asked`, from a model fitted to features and labels.

    features, asked: (n, columns). If all training nodules are of one class, every logit is LIMIT
    towards that class.
    """
    if len(np.unique(labels)) < 2:
        return np.full(len(asked), LIMIT if labels.any() else -LIMIT)
    model = pipeline(penalty).fit(features, labels)
    # Balanced class weights fit the model as if both classes were equally frequent. The prior log
    # odds undo that (King and Zeng, Political Analysis 9(2), 2001).
    share = labels.mean()
    return np.asarray(model.decision_function(asked) + np.log(share / (1 - share)))


def pipeline(penalty: float) -> Pipeline:
    """The model: median imputation, signed log, standardisation, logistic regression.

    Features span powers of ten (energy, volume) and may be negative (HU); sign(x) log(1+|x|)
    handles both and preserves order.
    """
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        FunctionTransformer(signed_log),
        StandardScaler(),
        LogisticRegression(C=penalty, class_weight="balanced", max_iter=5000),
    )


def signed_log(values: Floats) -> Floats:
    """Signed logarithm, sign(x) log(1 + |x|)."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))
