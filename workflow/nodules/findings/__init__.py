"""Single nodules, without a network: size, official hit, readers' ratings, radiomics."""
