"""The paper's claims. Choices only; mechanism is below."""
