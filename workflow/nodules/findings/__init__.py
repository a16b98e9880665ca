"""One nodule without a network: size, official hit, readers' opinion, radiomics."""
