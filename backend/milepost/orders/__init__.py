"""Orders: the vocabulary of facts, the pure fold to the nine stages, the commands of people."""
