"""Dynamic evaluation: weights that go on learning from the text that they predict."""
