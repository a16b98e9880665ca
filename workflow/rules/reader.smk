"""The reader's page for the phantom scan that the exported model was applied to.

Requires: results/predicted/findings.{json,nii.gz}, the scan.
Produces: results/predicted/reader.html.
"""


# The page on which a reader judges these findings, as `luna16 view` writes it.
rule write_reader:
    input:
        findings="results/predicted/findings.json",
        labels="results/predicted/findings.nii.gz",
        header=lambda wildcards: SCANS[part_scans(PARTS[-1])[0]].header,
        data=lambda wildcards: SCANS[part_scans(PARTS[-1])[0]].data,
        checked=CHECKED,
        web=sorted(map(str, closure.LIBRARY.glob("report/viewer/web/*"))),
        code=code("write_reader"),
    output:
        "results/predicted/reader.html",
    log:
        "results/logs/write_reader/all.log",
    benchmark:
        "results/benchmarks/write_reader/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(10),
    script:
        "../scripts/write_reader.py"
