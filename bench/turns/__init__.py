"""What a text costs: this assistant and a stock Rasa side by side, on the same texts."""
