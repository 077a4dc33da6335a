"""What fills `results/`: one module per group of records, each with `RECORDS` and `run()`."""
