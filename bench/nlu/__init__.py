"""How well texts are understood, and what it costs: this assistant and stock Rasa, one data set."""
