"""NUMBERS FROM RUNS. What is computed from records of runs; nothing here draws."""
